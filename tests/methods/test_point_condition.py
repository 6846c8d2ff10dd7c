"""The point condition sees points: no box is read, and no box size has any effect."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import disc_video, random_store

from socl_core.data.annotation import BOX_OVER_POINT
from socl_core.geometry import box_centres
from socl_core.methods.batches import Batches
from socl_core.methods.crops import Cut
from socl_core.methods.training import Training
from socl_core.models.device import Compute
from socl_core.prior.objectness import LIKELIHOODS
from socl_core.prior.pseudo_boxes import SCALE_RULES
from socl_core.runs import training_set
from socl_core.runs.spec import make_spec

VIDEOS = 3
EACH_RULE = [*(("socl-siam", rule) for rule in SCALE_RULES), ("socl-cf", "pseudo")]


class Witness(np.ndarray):
    """Boxes that note every use made of them."""

    uses: list[str] = []

    def __getitem__(self, index):
        Witness.uses.append("item")
        return super().__getitem__(index)

    def __array_ufunc__(self, *args, **options):
        Witness.uses.append("ufunc")
        plain = [np.asarray(a) if isinstance(a, Witness) else a for a in args[2:]]
        return getattr(args[0], args[1])(*plain, **options)

    def __array_function__(self, function, types, args, options):
        Witness.uses.append(function.__name__)
        return super().__array_function__(function, types, args, options)

    def __reduce__(self):
        Witness.uses.append("sent to a worker")
        return super().__reduce__()


def scaled(sequence, factor):
    """The sequence with w and h times `factor` about the same centres."""
    centres, sizes = box_centres(sequence.boxes), sequence.boxes[:, 2:] * factor
    return replace(sequence, boxes=np.concatenate([centres - (sizes - 1) / 2, sizes], 1))


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A data set of tiny videos in place of the loaders; the returned function says which."""
    chosen = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_set.data, "load", lambda *args, **options: list(chosen["videos"]))
    monkeypatch.setattr(training_set.data, "manifest", lambda *args, **options: chosen["name"])

    def choose(name, videos):
        chosen.update(name=name, videos=videos)

    return choose


def spec_of(method, **changes):
    crop = 161 if method.endswith("cf") else 151
    tiny = {"width": 0.125, "steps": 2, "batch": 3, "videos": VIDEOS}
    tiny |= {"search_size": 64} if method.endswith("transt") else {"crop": crop}
    tiny |= {} if method.startswith("socl") else {"labelled": 1.0}
    return make_spec("laptop", method, **tiny | changes)


def videos_of():
    return [disc_video(number, frames=3) for number in range(VIDEOS)]


def weights(store, spec):
    compute = Compute(torch.device("cpu"), False)
    training = Training(spec, Batches(store, spec, compute), compute)
    training.run(lambda entry: None, 10)
    return b"".join(t.numpy().tobytes() for t in training.network.state_dict().values())


def contents(store):
    return [None if a is None else np.ascontiguousarray(a).tobytes() for a in vars(store).values()]


def test_the_witness_sees_what_the_box_condition_reads(world):
    world("watched", [replace(v, boxes=v.boxes.view(Witness)) for v in videos_of()])
    Witness.uses.clear()
    training_set.training_crops(spec_of("box-siam"))
    assert Witness.uses


@pytest.mark.parametrize("method, rule", EACH_RULE)
def test_the_point_condition_reads_no_box(world, rule, method):
    world("watched", [replace(v, boxes=v.boxes.view(Witness)) for v in videos_of()])
    Witness.uses.clear()
    store = training_set.training_crops(spec_of(method, scale_rule=rule, frames=2))
    assert Witness.uses == []
    assert len(store.images) == 2 * VIDEOS and store.scores is not None


@pytest.mark.parametrize("rule", ["best", "centred"])
def test_pseudo_boxes_read_no_box_and_no_size_changes_them(world, rule):
    stores = []
    for name, factor in (("watched", 1), ("three", 3)):
        world(name, [replace(v, boxes=scaled(v, factor).boxes.view(Witness)) for v in videos_of()])
        Witness.uses.clear()
        stores.append(training_set.training_crops(spec_of("socl-transt", pseudo_boxes=rule)))
        assert Witness.uses == []
    assert stores[0].boxes is not None and contents(stores[0]) == contents(stores[1])


@pytest.mark.parametrize("method, rule", EACH_RULE)
def test_box_sizes_change_nothing_in_the_point_condition(world, rule, method):
    spec, found = spec_of(method, scale_rule=rule), []
    for name, factor in (("as they are", 1), ("three times", 3)):
        world(name.replace(" ", "-"), [scaled(v, factor) for v in videos_of()])
        store = training_set.training_crops(spec)
        found.append((contents(store), weights(store, spec)))
    assert found[0] == found[1]


def test_box_sizes_do_change_the_box_condition(world):
    spec, stores = spec_of("box-siam"), []
    for factor in (1, 3):
        world(f"times-{factor}", [scaled(v, factor) for v in videos_of()])
        stores.append(training_set.training_crops(spec))
    np.testing.assert_allclose(stores[1].side, 3 * stores[0].side)
    assert contents(stores[0]) != contents(stores[1])


def test_both_conditions_get_the_same_videos_and_boxes_fewer_frames(world):
    world("many", [disc_video(number, frames=4) for number in range(5)])
    few = {"share": 0.6, "videos": 5, "seed": 3}
    points = training_set.training_crops(spec_of("socl-siam", scale_rule="free", **few))
    boxes = training_set.training_crops(spec_of("box-siam", **few | {"labelled": 0.5}))
    assert set(points.video) == set(boxes.video) and len(set(points.video)) == 3
    assert len(points.images) == 12 and len(boxes.images) == 6
    whole = training_set.training_crops(spec_of("socl-siam", scale_rule="free", **few | {"share": 1.0}))
    assert set(points.video) < set(whole.video)  # a larger share holds the smaller one


def test_transt_gets_whole_videos_at_the_cost_of_the_points():
    """Of 9 videos, boxes on 2 cost what points on all 9 do: 2 x 4.5 = 9."""
    store = random_store(videos=9, frames=4)
    spec = make_spec("laptop", "transt", seed=1)
    rows = training_set.affordable_rows(store, spec, np.random.default_rng(0))
    assert len(rows) * BOX_OVER_POINT == len(store.images)
    chosen = set(store.video[rows])
    assert len(chosen) == 2 and all((store.video == v).sum() == (store.video[rows] == v).sum() for v in chosen)
    points = training_set.affordable_rows(store, make_spec("laptop", "socl-transt", seed=1), np.random.default_rng(0))
    assert len(points) == len(store.images)


@pytest.mark.parametrize("rule", ["window", "centred"])  # a scale, and boxes
def test_the_noisy_clicks_of_two_seeds_differ(world, rule):
    world("discs", videos_of())
    stores = [
        training_set.open_store("composite", spec_of("socl-siam", seed=seed, point_noise=noise), Cut(rule))
        for seed, noise in ((0, 0.2), (1, 0.2), (0, 0.2), (0, 0.0), (1, 0.0))
    ]
    first, other, again, exact, exact_other = (np.array(store.images) for store in stores)
    assert not np.array_equal(first, other) and not np.array_equal(first, exact)
    assert np.array_equal(first, again) and np.array_equal(exact, exact_other)


def test_the_likelihoods_of_the_cues_are_learned_from_no_video():
    """The one thing about sizes that the point condition reads is fitted on scenes of no data set."""
    source = json.loads(LIKELIHOODS.read_text())["provenance"]
    assert source["command"].startswith("python bench/fit_objectness.py") and source["data"].endswith("of no data set")
