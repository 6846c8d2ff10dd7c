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


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_box_costs_four_and_a_half_points():
    assert BOX_OVER_POINT == 4.5
    assert (frames_for(3600, "point", 2.0), frames_for(3600, "box", 2.0)) == (1800, 400)
    assert (frames_for(0.3, "point", 0.1), frames_for(0.29, "point", 0.1)) == (3, 2)  # 0.3 / 0.1 is 2.999...
    with pytest.raises(UsageError, match="valid are box, point"):
        frames_for(10, "mask", 2.0)


@pytest.mark.parametrize("reading, seconds, hours", [("section B", 2.26, 880), ("section A", 3.09, 1200)])
def test_both_readings_of_the_seconds_a_point(reading, seconds, hours):
    assert SECONDS_A_POINT[reading] == pytest.approx(seconds, abs=0.005)
    assert frames_for(hours * 3600, "point", SECONDS_A_POINT[reading]) == GOT10K_FRAMES
    assert frames_for(hours * 3600, "box", SECONDS_A_POINT[reading]) == 311_111  # 1,400,000 / 4.5


def test_budgets_are_the_eighth_quarter_half_and_whole():
    assert {hours: hours / 880 for hours in (110, 220, 440, 880)} == BUDGETS
    assert [budget_videos(64, share) for share in BUDGETS.values()] == [8, 16, 32, 64]


@pytest.mark.parametrize("share", [0, -0.5, 1.0001, float("nan"), float("inf")])
def test_a_bad_share_is_refused(share):
    for buy in (lambda: budget_videos(10, share), lambda: labelled_frames(10, share, rng()),
                lambda: whole_videos([3, 3], share)):  # fmt: skip
        with pytest.raises(UsageError, match="share of"):
            buy()


@given(st.integers(1, 300), st.floats(0.001, 1), st.integers(0, 99))
def test_labelled_frames_are_distinct_sorted_and_at_least_two(frames, share, seed):
    found = labelled_frames(frames, share, rng(seed))
    assert (np.diff(found) > 0).all() and found[0] >= 0 and found[-1] < frames
    assert len(found) == min(frames, max(2, round(frames * share)))
    np.testing.assert_array_equal(found, labelled_frames(frames, share, rng(seed)))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=30), st.floats(0.05, 1))
def test_whole_videos_cost_at_most_the_budget_and_one_more_would_cost_more(lengths, share):
    count, budget = whole_videos(lengths, share), share * sum(lengths)
    assert 2 <= count <= len(lengths)
    assert count == 2 or sum(lengths[:count]) <= budget + 1e-6
    assert count == len(lengths) or sum(lengths[: count + 1]) > budget


@pytest.mark.parametrize("videos, frames, boxed, labelled", [(9, 27, 2, 6), (64, 27, 14, 6), (64, 90, 14, 20)])
def test_at_equal_cost_a_box_is_on_twenty_two_per_cent(videos, frames, boxed, labelled):
    assert whole_videos([frames] * videos, 1 / BOX_OVER_POINT) == boxed
    assert len(labelled_frames(frames, 1 / BOX_OVER_POINT, rng())) == labelled


def test_jitter_is_a_share_of_the_box_side():
    boxes, points = np.tile([0, 0, 40, 10.0], (4000, 1)), np.full((4000, 2), 5.0)  # side 20
    errors = jitter_points(points, boxes, 0.1, rng()) - points
    np.testing.assert_allclose(errors.std(0), 2.0, rtol=0.05)
    np.testing.assert_allclose(errors.mean(0), 0, atol=0.15)
    np.testing.assert_array_equal(jitter_points(points, boxes, 0.0, rng()), points)


def test_click_noise_stays_in_the_frame_and_is_the_same_each_time():
    boxes, points = np.tile([[1.0, 1, 30, 20]], (5, 1)), np.tile([[2.0, 1.0]], (5, 1))
    points[3] = np.nan
    sequence = Sequence("a", [np.zeros((40, 50, 3), np.uint8)] * 5, points, boxes, ~np.isnan(points[:, 0]))
    rows, clicked = np.flatnonzero(sequence.valid), add_click_noise(sequence, 0.5, seed=3).points
    assert (clicked[rows] >= 0).all() and (clicked[rows] <= [49, 39]).all()
    assert np.isnan(clicked[3]).all() and not np.array_equal(clicked[rows], points[rows])
    np.testing.assert_array_equal(clicked, add_click_noise(sequence, 0.5, seed=3).points)
    assert not np.array_equal(clicked[rows], add_click_noise(sequence, 0.5, seed=4).points[rows])
    assert add_click_noise(sequence, 0.0, seed=3) is sequence and np.array_equal(sequence.points[0], [2, 1])
