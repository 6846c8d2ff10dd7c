"""The likelihoods are learned from boxes: classes, weights, histograms, and the shipped table."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fit_objectness import BINS, Samples, fit, main, sample_windows
from tiny import disc_video

from socl_core.errors import DataError
from socl_core.prior.objectness import CUES, LIKELIHOODS, Measure
from socl_core.prior.windows import SIZES, windows_in_frame
from socl_core.scoring.metrics import iou


def samples(rng, count=6000, size=None, shift=3.0):
    """Windows whose ss is normal with unit deviation, higher by `shift` for objects; other cues say nothing."""
    overlap = rng.choice([0.1, 0.55, 0.9], count)
    values = {cue: rng.normal(size=count) for cue in CUES}
    values["ss"] = values["ss"] + shift * (overlap > 0.6)
    return Samples(values, overlap, rng.integers(0, SIZES, count) if size is None else size)


def test_a_known_separation_is_recovered(tmp_path):
    table = fit([samples(np.random.default_rng(0))])
    assert table["prior"] == pytest.approx(1 / 3, abs=0.02)
    ss = table["cues"]["ss"]
    assert len(ss["edges"]) == BINS - 1 and len(ss["log_ratios"]) == BINS
    middle = (np.array(ss["edges"][1:]) + ss["edges"][:-1]) / 2
    # Of two unit normals at 0 and 3, the log ratio of the densities at x is 3 x - 4.5.
    inner = abs(middle - 1.5) < 0.8
    assert inner.sum() >= 3
    np.testing.assert_allclose(np.array(ss["log_ratios"][1:-1])[inner], 3 * middle[inner] - 4.5, atol=0.6)
    for other in ("ms", "cc", "ed"):
        assert np.abs(table["cues"][other]["log_ratios"]).max() < 0.8
    (tmp_path / "fitted.json").write_text(json.dumps(table))
    posterior = Measure.read(("ss",), tmp_path / "fitted.json").posterior({"ss": torch.tensor([-2.0, 5.0])})
    assert posterior[0] < 0.01 and posterior[1] > 0.98


def test_each_size_counts_the_same():
    """Objects are small nine times of ten, and small windows have high cc: the size must not pass for a cue."""
    rng = np.random.default_rng(1)
    overlap = rng.choice([0.1, 0.9], 20_000)
    small = np.where(overlap > 0.5, rng.random(20_000) < 0.9, rng.random(20_000) < 0.5)
    values = {cue: rng.normal(size=20_000) for cue in CUES} | {"cc": rng.normal(size=20_000) + 3 * small}
    balanced = fit([Samples(values, overlap, np.where(small, 2, 9))])["cues"]["cc"]["log_ratios"]
    unaware = fit([Samples(values, overlap, np.full(20_000, 5))])["cues"]["cc"]["log_ratios"]
    assert np.abs(balanced).max() < 0.35 < 0.5 < np.abs(unaware).max()


def test_each_data_set_weighs_the_same():
    rng = np.random.default_rng(2)
    many, few = samples(rng, 8000, shift=0.0), samples(rng, 2000, shift=3.0)
    ratios = np.array(fit([many, few])["cues"]["ss"]["log_ratios"])
    alone = np.array(fit([few])["cues"]["ss"]["log_ratios"])
    assert ratios[-1] > 0.5 * alone[-1] > 0.5  # pooled windows would have the many drown the few


def test_nothing_to_learn_is_an_error():
    rng = np.random.default_rng(4)
    one = samples(rng)
    with pytest.raises(DataError, match="overlaps a box.*nothing to learn"):
        fit([one, replace(one, overlap=np.zeros(6000))])
    with pytest.raises(DataError, match="no video with a valid box"):
        sample_windows([disc_video(0).point_view()], 10)
    hidden = disc_video(0)
    with pytest.raises(DataError, match="no video with a valid box"):
        sample_windows([replace(hidden, valid=np.zeros(4, bool))], 10)


def test_windows_are_those_around_the_targets():
    videos = [disc_video(number) for number in range(3)]
    found = sample_windows(videos, 6)
    each = len(windows_in_frame((36, 34), (72, 96)))
    assert found.overlap.shape == found.size.shape == (6 * each,) and set(found.values) == set(CUES)
    first = windows_in_frame(videos[0].points[0], (72, 96))
    np.testing.assert_allclose(found.overlap[:each], [iou(box, videos[0].boxes[0]) for box in first])
    side = np.sqrt(first[:, 2] * first[:, 3])
    assert (np.diff([side[found.size[:each] == k].max() for k in range(SIZES)]) > 0).all()


@pytest.mark.slow
def test_the_shipped_table_is_what_its_command_writes(tmp_path, monkeypatch):
    """The command of the provenance, run again, writes the same table: only its hash of the code may differ."""
    shipped = json.loads(Path(LIKELIHOODS).read_text())
    _, script, *options = shipped["provenance"]["command"].split()
    assert script == "bench/fit_objectness.py" and "--data" not in options  # scenes that anybody can draw
    monkeypatch.setattr("sys.argv", [script, *options, "--out", str(tmp_path / "again.json")])
    main()
    again = json.loads((tmp_path / "again.json").read_text())
    for table in (shipped, again):
        table["provenance"].pop("code")
    assert again == shipped
