"""Trackers side by side: `socl compare`."""

import json

import cv2
import numpy as np
import pytest
from moving import video
from program import socl

from socl_core.data.files import write_boxes
from socl_core.errors import DataError
from socl_core.trackers.identity import IdentityTracker
from socl_core.use import peers
from socl_core.use.comparison import Comparison, first_loss

IMAGES, BOXES = video(8, step=(6, 4))


class Told:
    """A tracker that knows the truth."""

    def init(self, image, box):
        self.rest = iter(BOXES[1:])

    def update(self, image):
        return next(self.rest)


@pytest.fixture
def comparison():
    made = Comparison({"still": IdentityTracker(), "told": Told()})
    assert len(list(made.run(IMAGES, BOXES[0]))) == 8
    return made


def test_a_tracker_is_judged_by_the_frames_that_are_known(comparison):
    best, still = comparison.rows(BOXES)
    assert (best["tracker"], best["lost"], still["lost"]) == ("told", None, 3)
    assert best["auc"] == pytest.approx(20 / 21) and best["fps"] > still["auc"]
    some = np.where(np.arange(8)[:, None] < 2, BOXES, np.nan)
    assert comparison.rows(some)[1]["auc"] > still["auc"] and comparison.rows(some)[1]["lost"] is None
    assert {row["auc"] for row in comparison.rows(None)} == {comparison.rows(None)[0]["auc"]}  # of two, none is right


@pytest.mark.parametrize("truth, cause", [(BOXES[:5], "5 rows, the video 8"), (BOXES * np.nan, "no box after")])
def test_a_truth_that_judges_nothing_is_refused(comparison, truth, cause):
    with pytest.raises(DataError, match=cause):
        comparison.rows(truth)


def test_a_loss_lasts():
    overlap = np.array([1, 0.1, 0.1, 1] + [0.1] * 5)
    assert first_loss(overlap) == 4 and first_loss(overlap[:-1]) is None


def test_a_tracker_of_opencv_is_used_where_it_is_installed(monkeypatch):
    class Made:
        init, update = (lambda self, image, box: None), (lambda self, image: (False, None))

        @staticmethod
        def create():
            return Made()

    monkeypatch.setattr(cv2, "TrackerCSRT", Made, raising=False)
    monkeypatch.delattr(cv2, "TrackerKCF", raising=False)
    made = peers.installed_peers()
    assert {"MIL", "CSRT"} <= made.keys() and "KCF" not in made
    (one := made["CSRT"]()).init(IMAGES[0], BOXES[0])
    assert one.update(IMAGES[1]).tolist() == BOXES[0].tolist()  # it says that it failed


def test_the_report_is_one_file(tmp_path):
    (tmp_path / "my").mkdir()
    for number, image in enumerate(IMAGES):
        cv2.imwrite(str(tmp_path / f"my/{number:04d}.png"), image)
    write_boxes(tmp_path / "true.txt", BOXES)
    done = socl("compare", "--frames", "my", "--init", "70,50,30,30", "--truth", "true.txt", "--out", "r.html",
                "--json", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    content, page = json.loads(done.stdout), (tmp_path / "r.html").read_text()
    assert content["judged by"] == "AUC"
    assert {"socl-siam", "socl-cf", "MIL"} <= {row["tracker"] for row in content["trackers"]}
    for row in content["trackers"]:
        assert f"{row['tracker']}</td><td>{100 * row['auc']:.1f}</td>" in page
    assert "data:video/mp4;base64," in page and "http" not in page
    done = socl("compare", "--frames", "my", "--out", "r.html", cwd=tmp_path)
    assert done.returncode == 2 and "expected one of --init" in done.stderr
