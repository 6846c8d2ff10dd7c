"""What an evaluation writes of a sequence under each convention is what scoring its files gives."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import disc_video

from socl_core.scoring.conventions import Truth
from socl_core.scoring.evaluation import BENCHMARKS, evaluate, mean_scores, start_frames
from socl_core.scoring.results import read_results, score_results, write_results
from socl_core.trackers.identity import IdentityTracker


@pytest.mark.parametrize("convention", BENCHMARKS)
def test_an_evaluation_holds_what_scoring_the_exported_boxes_gives(convention, tmp_path):
    video = disc_video(0, frames=8)
    video.valid[5] = False
    scores = evaluate(IdentityTracker, [video], tmp_path / "boxes")[video.name]
    found = {name.removeprefix(f"{convention}_"): value for name, value in scores.items() if convention in name}
    boxes = np.loadtxt(tmp_path / "boxes" / f"{video.name}.txt", delimiter=",")
    write_results(convention, tmp_path / convention, video.name, boxes, np.ones(8))
    shift = np.array([1, 1, 0, 0]) * (convention == "lasot")
    truth = Truth(video.boxes + shift, ~video.valid, 8.0 * video.valid, (96, 72))
    report = score_results(convention, read_results(tmp_path / convention), {video.name: truth}, None)
    assert found.pop("frames") == {"got10k": 6}.get(convention, 8)
    assert found == pytest.approx(report.numbers)


def test_boxes_that_are_there_are_not_tracked_and_score_the_same_to_the_last_bit(tmp_path):
    video = disc_video(0, frames=8)
    video = replace(video, boxes=video.boxes + np.random.default_rng(0).normal(size=(8, 4)))
    tracked = evaluate(IdentityTracker, [video], tmp_path)[video.name]
    assert tracked.pop("fps") > 0
    assert evaluate(None, [video], tmp_path)[video.name] == tracked


def test_the_benchmarks_own_labels_say_where_the_target_is_absent():
    video = disc_video(0, frames=6)
    plain = evaluate(IdentityTracker, [video])[video.name]
    hidden = np.array([0, 0, 0, 0, 1, 1], bool)
    labels = {"cover": np.where(hidden, 0, 8), "full_occlusion": hidden, "out_of_view": np.zeros(6, bool)}
    found = evaluate(IdentityTracker, [replace(video, labels=labels)])[video.name]
    assert (plain["got10k_frames"], found["got10k_frames"]) == (5, 3)
    assert found["got10k_ao"] > plain["got10k_ao"]  # the last frames, far from the start, are left out
    assert found["lasot_precision"] == pytest.approx(4 / 6) and plain["lasot_precision"] == 1
    assert found["trackingnet_auc"] == plain["trackingnet_auc"]


def test_a_sequence_that_is_never_seen_after_its_start_has_no_frame_to_pool():
    video = disc_video(0, frames=3)
    video.valid[1:] = False
    score = evaluate(IdentityTracker, [video])[video.name]
    assert score["got10k_frames"] == 0 and "got10k_ao" in score


@pytest.mark.parametrize(
    "hidden, count, expected",
    [([], 1, [0]), ([], 3, [0, 4, 8]), ([4, 5], 3, [0, 6, 8]), ([*range(4, 9)], 3, [0, 9]), ([*range(1, 12)], 4, [0])],
)
def test_starts_are_evenly_spaced_where_the_target_is_in_sight(hidden, count, expected):
    video = disc_video(0, frames=12)
    video.valid[hidden] = False
    assert start_frames(video, count) == expected


def test_a_score_is_the_mean_over_starts_each_to_the_end(tmp_path):
    video = disc_video(0, frames=12)
    found = evaluate(IdentityTracker, [video], tmp_path, starts=3)[video.name]
    alone = [evaluate(IdentityTracker, [video.part(slice(first, None))])[video.name] for first in (0, 4, 8)]
    assert [found[f"auc_start_{number}"] for number in range(3)] == [each["auc"] for each in alone]
    assert alone[0]["auc"] < alone[2]["auc"]
    for name in ("auc", "precision", "got10k_ao", "lasot_auc"):
        assert found[name] == pytest.approx(np.mean([each[name] for each in alone]))
    assert found["frames"] == 12
    assert mean_scores({video.name: found})["auc_start_0"] == alone[0]["auc"]
    del found["fps"]
    assert evaluate(None, [video], tmp_path, starts=3)[video.name] == found
