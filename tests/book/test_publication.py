"""Frames of real videos belong to their authors: pages show them in a private build only."""

import numpy as np
import pytest
from tiny import disc_video

from socl_book import views
from socl_book.clips import BLANK, tracked_frames
from socl_core.data.files import write_boxes
from socl_core.runs.store import Run


@pytest.fixture(params=[False, True], ids=["public", "private"])
def private(request, monkeypatch):
    monkeypatch.setenv("SOCL_PRIVATE", "1" if request.param else "")
    return request.param


def test_examples_are_real_in_a_private_build_only(private, monkeypatch):
    monkeypatch.setattr(views.data, "available", lambda name: None)
    monkeypatch.setattr(views.data, "load", lambda name, split, **options: [disc_video(0), disc_video(1)])
    assert len(views.example_frames(count=2)) == (4 if private else 2)


@pytest.mark.parametrize("name", ["composite", "otb"])
def test_clips_of_others_videos_are_blank_but_for_their_boxes(private, name, tmp_path):
    video, run = disc_video(0, frames=3), Run(tmp_path)
    write_boxes(run.boxes(name) / f"{video.name}.txt", video.boxes)
    shown = list(tracked_frames(run, name, video))
    assert len(shown) == 3
    corner = shown[1][-6:, -6:]  # no box and no text there
    if name == "composite" or private:
        np.testing.assert_array_equal(corner, video.frames[1][-6:, -6:])
    else:
        assert (corner == BLANK).all() and (shown[1] != BLANK).any()
