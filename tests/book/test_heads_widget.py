"""The heads widget: the page computes what Python computes, plays, and needs no kernel and no network."""

import numpy as np
import pytest
from test_eta_widget import check_pictures, image, page_of

from socl_book.widgets.heads import HeadsWidget

RUNS = [(tracker, head) for tracker in ("SoCL-Siam", "SoCL-CF") for head in (False, True)]


@pytest.fixture(scope="module")
def clip():
    rng = np.random.default_rng(0)

    def boxes():
        return (rng.uniform(5, 20, (5, 4)) + [0, 0, 10, 10]).tolist()

    def maps(grid):
        region = [4.0, 4.0, 40.0, 40.0]
        return [{"grid": grid, "region": region, "values": rng.integers(-20, 101, grid**2).tolist()} for _ in range(5)]

    runs = [{"tracker": tracker, "head": head, "boxes": boxes(), "response": maps(5), "similarity": maps(7)}
            for tracker, head in RUNS]  # fmt: skip
    runs[1]["boxes"][2] = [0.0, 0.0, 0.0, 0.0]
    truth = boxes()
    truth[3] = None
    frames = [image(64, seed) for seed in range(5)]
    return {"name": "a clip </script> <!--", "size": [64, 64], "frames": frames, "truth": truth, "runs": runs}


def test_compute_is_the_overlap_of_the_run(clip):
    def overlap(a, b):
        w = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
        h = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
        return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)

    for run, (tracker, head) in zip(clip["runs"], RUNS, strict=True):
        each = [overlap(box, truth) for box, truth in zip(run["boxes"], clip["truth"]) if truth]
        for frame, (box, truth) in enumerate(zip(run["boxes"], clip["truth"])):
            found = HeadsWidget.compute(clip, tracker, head, frame)
            assert found["mean"] == pytest.approx(np.mean(each))
            assert found["overlap"] == (None if truth is None else pytest.approx(overlap(box, truth)))


@pytest.fixture(scope="module")
def standalone(clip, tmp_path_factory):
    return page_of(HeadsWidget(clip), tmp_path_factory.mktemp("heads") / "page.html")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_equal_python_for_every_run_and_frame(open_page, standalone, clip, theme):
    page, heard = open_page(standalone, theme)
    shown = page.locator(".socl-heads")
    shown.wait_for()
    for tracker, head in RUNS:
        shown.get_by_role("button", name=tracker).press("Enter")
        shown.get_by_role("button", name="with head" if head else "without head", exact=True).press("Enter")
        for frame in range(5):
            slider = "(s, v) => { s.value = v; s.dispatchEvent(new Event('input')) }"
            shown.get_by_role("slider").evaluate(slider, str(frame))
            data, expected = shown.evaluate("w => ({...w.dataset})"), HeadsWidget.compute(clip, tracker, head, frame)
            assert (data["tracker"], data["head"], data["frame"]) == (tracker, str(head).lower(), str(frame))
            assert float(data["mean"]) == pytest.approx(expected["mean"], abs=1e-6)
            if expected["overlap"] is None:
                assert data["overlap"] == "" and "no truth" in shown.locator(".summary").inner_text()
            else:
                assert float(data["overlap"]) == pytest.approx(expected["overlap"], abs=1e-6)
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])


@pytest.mark.browser
def test_it_plays_and_the_keyboard_stops_it(open_page, standalone):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-heads")
    shown.wait_for()
    page.wait_for_timeout(100)  # the frames are decoded

    def seen():
        return [canvas.evaluate("c => c.toDataURL()") for canvas in shown.locator("canvas").all()]

    before = seen()
    shown.get_by_role("button", name="Play").press("Space")
    page.wait_for_function("document.querySelector('.socl-heads').dataset.frame === '2'")
    shown.get_by_role("button", name="Pause").press("Space")
    at = shown.get_attribute("data-frame")
    page.wait_for_timeout(400)
    assert shown.get_attribute("data-frame") == at
    assert all(a != b for a, b in zip(before, seen(), strict=True))
    shown.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert shown.get_attribute("data-frame") == "0" and seen() == before
    assert shown.get_by_role("slider").get_attribute("aria-valuetext") == "1 of 5"
    assert (heard.asked, heard.errors) == ([], [])


@pytest.mark.browser
def test_every_picture_has_words_and_fits_400_px(open_page, standalone):
    page, _ = open_page(standalone, width=400)
    check_pictures(page, ".socl-heads", 4)
