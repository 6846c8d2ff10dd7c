"""Where soft negatives come from: cells of boxes in augmented crops, and the report on a training's own crops."""

import numpy as np
import pytest
import torch
from tiny import CPU, disc_video

from socl_book import negatives
from socl_book.negatives import MEASURES, cells_in_boxes, measure_negatives
from socl_core.methods.batches import Batch
from socl_core.methods.training import new_network
from socl_core.models.alexnet import GRID
from socl_core.runs import training_set
from socl_core.runs.spec import make_spec


def test_cells_in_a_box_follow_zoom_and_shift():
    centres = GRID.centres(151) - 75
    boxes = torch.tensor([[4.0, -4, 40, 24]]).expand(3, 4)
    shift = torch.tensor([[0.0, 0], [0, 0], [8, -16]])
    batch = Batch(torch.arange(3), torch.tensor([1, 1.25, 1]), shift, torch.ones(3))
    inside = cells_in_boxes(boxes, batch, centres)
    for one, (x0, x1, y0, y1) in zip(inside, [(-16, 24, -16, 8), (-20, 30, -20, 10), (-8, 32, -32, -8)], strict=True):
        assert one.tolist() == [[bool(x0 <= x <= x1 and y0 <= y <= y1) for x in centres] for y in centres]


@pytest.fixture
def discs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    videos = [disc_video(number, frames=3) for number in range(3)]
    monkeypatch.setattr(training_set.data, "load", lambda *args, **options: videos)
    monkeypatch.setattr(training_set.data, "manifest", lambda *args: "discs")


def test_the_report_counts_cells_and_mass(discs):
    spec = make_spec("laptop", "socl-siam", width=0.125, crop=199, batch=3)
    network = new_network(spec)
    report = measure_negatives("composite", spec, network, CPU, steps=2)
    assert report["n"] == 12 and report.keys() == {*MEASURES, "sns_mass_median", "n"}
    assert all(0 <= report[name] <= 1 for name in MEASURES)
    wide = measure_negatives("composite", spec.model_copy(update={"background": 0.9}), network, CPU, steps=2)
    assert wide["box_missed"] > report["box_missed"] and wide["others_found"] >= report["others_found"]
    assert report["top_mass"] == pytest.approx(wide["top_mass"])


def test_boxes_lie_where_the_stored_crops_show_the_target(discs):
    spec = make_spec("laptop", "socl-siam", width=0.125, crop=199, batch=3)
    store = training_set.open_store("composite", spec, spec.cut())
    boxes = negatives._boxes_in_crops("composite", spec, store)
    np.testing.assert_allclose(boxes[:, :2], 0, atol=1e-6)  # the click is the centre
    for image, (_, _, w, h) in zip(store.images, boxes):
        span = int(min(w, h) / 4)
        middle, corner = image[127 - span : 128 + span, 127 - span : 128 + span], image[:20, :20]
        assert abs(middle.astype(float).mean() - corner.astype(float).mean()) > 10  # the disc, not its background
