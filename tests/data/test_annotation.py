import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socl_core.data.annotation import (
    BOX_OVER_POINT,
    BUDGETS,
    GOT10K_FRAMES,
    SECONDS_A_POINT,
    add_click_noise,
    budget_videos,
    frames_for,
    jitter_points,
    labelled_frames,
    whole_videos,
)
from socl_core.data.sequence import Sequence
from socl_core.errors import UsageError

BAD_SHARES = [0, -0.5, 1.0001, float("nan"), float("inf")]


def test_a_box_costs_four_and_a_half_points():
    assert BOX_OVER_POINT == 4.5
    hour = 3600
    assert frames_for(hour, "point", 2.0) == 1800
    assert frames_for(hour, "box", 2.0) == 400  # 1800 / 4.5


def test_both_readings_of_the_seconds_a_point():
    assert SECONDS_A_POINT["section B"] == pytest.approx(2.26, abs=0.005)
    assert SECONDS_A_POINT["section A"] == pytest.approx(3.09, abs=0.005)
    for reading, hours in (("section B", 880), ("section A", 1200)):
        assert frames_for(hours * 3600, "point", SECONDS_A_POINT[reading]) == GOT10K_FRAMES
        boxes = frames_for(hours * 3600, "box", SECONDS_A_POINT[reading])
        assert boxes == 311_111  # 1,400,000 / 4.5


def test_budgets_are_the_eighth_quarter_half_and_whole():
    assert BUDGETS == {110: 0.125, 220: 0.25, 440: 0.5, 880: 1.0}
    assert all(hours / 880 == share for hours, share in BUDGETS.items())
    assert [budget_videos(64, share) for share in BUDGETS.values()] == [8, 16, 32, 64]


def test_an_unknown_label_is_refused():
    with pytest.raises(UsageError, match="unknown label 'mask': valid are box, point"):
        frames_for(10, "mask", 2.0)


def test_a_whole_count_is_not_lost_to_rounding():
    """0.3 / 0.1 is 2.999...: the third frame is paid for."""
    assert frames_for(0.3, "point", 0.1) == 3
    assert frames_for(0.29, "point", 0.1) == 2


@pytest.mark.parametrize("share", BAD_SHARES)
def test_a_bad_share_is_refused(share):
    with pytest.raises(UsageError, match="share of videos"):
        budget_videos(10, share)
    with pytest.raises(UsageError, match="share of labelled frames"):
        labelled_frames(10, share, np.random.default_rng(0))


@given(st.integers(1, 500), st.floats(1e-6, 1))
def test_a_share_buys_at_least_one_video_and_at_most_all(videos, share):
    assert 1 <= budget_videos(videos, share) <= videos
    assert budget_videos(videos, 1.0) == videos


@given(st.integers(1, 300), st.floats(0.001, 1), st.integers(0, 99))
def test_labelled_frames_are_distinct_sorted_and_at_least_two(frames, share, seed):
    found = labelled_frames(frames, share, np.random.default_rng(seed))
    assert (np.diff(found) > 0).all() and found[0] >= 0 and found[-1] < frames
    assert len(found) == min(frames, max(2, round(frames * share)))
    np.testing.assert_array_equal(found, labelled_frames(frames, share, np.random.default_rng(seed)))


@pytest.mark.parametrize("frames, count", [(9, 2), (27, 6), (90, 20), (900, 200)])
def test_at_equal_cost_a_box_is_on_twenty_two_per_cent_of_the_frames(frames, count):
    assert len(labelled_frames(frames, 1 / BOX_OVER_POINT, np.random.default_rng(0))) == count


def test_labelled_frames_are_drawn_from_the_whole_video_and_by_the_seed():
    draws = [labelled_frames(30, 0.2, np.random.default_rng(seed)) for seed in range(60)]
    assert len({tuple(draw) for draw in draws}) > 50
    counts = np.bincount(np.concatenate(draws), minlength=30)
    assert counts.min() > 0 and counts.max() < 30  # 12 expected each


def test_all_frames_are_labelled_at_a_share_of_one():
    np.testing.assert_array_equal(labelled_frames(7, 1.0, np.random.default_rng(0)), np.arange(7))


def test_jitter_is_a_share_of_the_box_side():
    boxes = np.tile([0, 0, 40, 10.0], (4000, 1))  # side 20
    moved = jitter_points(np.full((4000, 2), 5.0), boxes, 0.1, np.random.default_rng(0)) - 5
    np.testing.assert_allclose(moved.std(0), 2.0, rtol=0.05)
    np.testing.assert_allclose(moved.mean(0), 0, atol=0.15)
    points = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(jitter_points(points, boxes[:4], 0.0, np.random.default_rng(0)), points)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=30), st.floats(0.05, 1))
def test_whole_videos_cost_at_most_the_budget_and_one_more_would_cost_more(lengths, share):
    count = whole_videos(lengths, share)
    budget = share * sum(lengths)
    assert 2 <= count <= len(lengths)
    if count > 2:
        assert sum(lengths[:count]) <= budget + 1e-6
    if count < len(lengths):
        assert sum(lengths[: count + 1]) > budget


def test_at_equal_cost_two_of_nine_equal_videos_are_boxed():
    assert whole_videos([27] * 9, 1 / BOX_OVER_POINT) == 2
    assert whole_videos([27] * 64, 1 / BOX_OVER_POINT) == 14  # 14.2
    assert whole_videos([10, 20], 1.0) == 2
    with pytest.raises(UsageError):
        whole_videos([3, 3], 0)


def test_a_careless_annotator_stays_in_the_frame_and_clicks_the_same_each_time():
    boxes = np.tile([[1.0, 1, 30, 20]], (5, 1))
    frames = [np.zeros((40, 50, 3), np.uint8)] * 5
    points = np.tile([[2.0, 1.0]], (5, 1))
    points[3] = np.nan
    sequence = Sequence("a", frames, points, boxes, np.array([True, True, True, False, True]))
    clicked = add_click_noise(sequence, 0.5, seed=3)
    rows = np.flatnonzero(sequence.valid)
    assert (clicked.points[rows] >= 0).all() and (clicked.points[rows] <= [49, 39]).all()
    assert np.isnan(clicked.points[3]).all() and not np.array_equal(clicked.points[rows], points[rows])
    np.testing.assert_array_equal(clicked.points, add_click_noise(sequence, 0.5, seed=3).points)
    assert not np.array_equal(clicked.points[rows], add_click_noise(sequence, 0.5, seed=4).points[rows])
    assert add_click_noise(sequence, 0.0, seed=3) is sequence and np.array_equal(sequence.points[0], [2, 1])
