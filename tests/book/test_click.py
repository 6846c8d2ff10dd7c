"""The page that takes clicks writes what the loader of clicked videos reads."""

from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from program import socl

from socl_core import data
from socl_core.data.video import write_clip

WIDTH, HEIGHT = 64, 48

pytestmark = pytest.mark.browser


@pytest.fixture
def tool(open_page, tmp_path):
    """The tool on a page of its own, and a folder of four images, of which it has been given all."""
    folder = tmp_path / "videos" / "mine"
    folder.mkdir(parents=True)
    images = [folder / f"frame{number}.png" for number in (10, 9, 8, 11)]
    for image in images:
        cv2.imwrite(str(image), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    assert socl("data", "click", "--out", "page.html", cwd=tmp_path).returncode == 0
    page, heard = open_page(tmp_path / "page.html")
    choose(page, images)
    yield page, folder
    assert (heard.asked, heard.errors) == ([], [])


def choose(page, images) -> None:
    page.get_by_label("Images of one video").set_input_files(images)


def at(page, name) -> None:
    page.wait_for_function("name => document.querySelector('.socl-click').dataset.at === name", arg=name)
    page.wait_for_function("([w, h]) => document.querySelector('canvas').width === w", arg=[WIDTH, HEIGHT])


def click(page, x, y) -> None:
    box = page.locator("canvas").bounding_box()
    page.mouse.click(box["x"] + (x + 0.5) * box["width"] / WIDTH, box["y"] + (y + 0.5) * box["height"] / HEIGHT)


def save(page, folder) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    download.value.save_as(folder / "clicks.csv")


def test_clicks_of_mouse_and_keyboard_reach_the_loader(tool):
    page, folder = tool
    at(page, "frame8.png")  # by number, whatever the order of the names
    click(page, 20, 10)
    at(page, "frame9.png")
    page.get_by_role("button", name="Not in sight").click()
    at(page, "frame10.png")
    page.locator("canvas").focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    at(page, "frame11.png")
    assert "2 clicked, 2 of 4 without a click" in page.get_by_role("status").inner_text()
    assert "at 4.5 times a click" in page.get_by_role("status").inner_text()
    save(page, folder)
    (sequence,) = data.load(f"clicks:{folder.parent}", "train")
    assert [path.name for path in sequence.frames.paths] == [f"frame{n}.png" for n in (8, 9, 10, 11)]
    assert sequence.valid.tolist() == [True, False, True, False]
    assert np.abs(sequence.points[0] - [20, 10]).max() <= 0.6  # of a pixel; the mouse stands on whole ones
    assert (sequence.points[2] - sequence.points[0]).tolist() == [-8, -1]  # the cross starts at the last click


def test_it_goes_on_from_a_file_and_corrects_it(tool, tmp_path):
    page, folder = tool
    earlier = tmp_path / "clicks.csv"
    earlier.write_text("image,x,y\nframe8.png,1,2\nframe9.png,3,4\n")
    page.get_by_label("go on from").set_input_files(earlier)
    at(page, "frame10.png")
    page.get_by_role("button", name="Back").click()
    at(page, "frame9.png")
    assert "clicked at 3, 4" in page.locator("canvas").get_attribute("aria-label")
    click(page, 40, 30)
    at(page, "frame10.png")
    save(page, folder)
    (sequence,) = data.load(f"clicks:{folder.parent}", "train")
    assert sequence.points[0].tolist() == [1, 2] and np.abs(sequence.points[1] - [40, 30]).max() <= 0.6


def test_a_part_of_the_images_and_bad_files(tool, tmp_path):
    page, folder = tool
    page.get_by_label("one image of every").fill("2")
    page.get_by_label("one image of every").press("Tab")
    at(page, "frame8.png")
    click(page, 1, 1)
    at(page, "frame10.png")
    (tmp_path / "other.csv").write_text("a,b\n")
    page.get_by_label("go on from").set_input_files(tmp_path / "other.csv")
    page.get_by_text("no clicks.csv: its first line").wait_for()
    cv2.imwrite(str(tmp_path / "cover.png"), np.zeros((8, 8, 3), np.uint8))
    choose(page, [tmp_path / "cover.png"])
    page.get_by_text("cover.png has no frame number").wait_for()
    (tmp_path / "broken1.png").write_bytes(b"no image")
    choose(page, [tmp_path / "broken1.png"])
    page.get_by_text("broken1.png is no image").wait_for()


def test_a_video_and_several_targets_are_saved_with_their_frames(tool, tmp_path):
    page, folder = tool
    greys = range(20, 220, 20)
    write_clip(tmp_path / "my.mp4", [np.full((HEIGHT, WIDTH, 3), grey, np.uint8) for grey in greys])  # 40 ms each
    page.get_by_label("of a video, a frame every").fill("0.08")
    choose(page, [tmp_path / "my.mp4"])
    at(page, "00000000.jpg")
    click(page, 20, 10)
    at(page, "00000080.jpg")
    page.locator("canvas").focus()
    page.keyboard.press("PageDown")
    at(page, "00000160.jpg")
    for key in ("+", "Enter", "2"):  # a click in the zoomed image; the next target starts anew
        page.keyboard.press(key)
    at(page, "00000000.jpg")
    assert "Target 2: 0 clicked, 5 of 5 without" in page.get_by_role("status").inner_text()
    click(page, 32, 24)
    at(page, "00000080.jpg")
    page.keyboard.press("Enter")
    at(page, "00000160.jpg")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save my.zip").click()
    download.value.save_as(tmp_path / "my.zip")
    with ZipFile(tmp_path / "my.zip") as file:
        assert file.testzip() is None
        file.extractall(tmp_path / "cut")
    first, second = data.load(f"clicks:{tmp_path / 'cut'}", "train")
    assert (first.name, second.name) == ("my", "my-2")
    assert [path.name for path in first.frames.paths] == ["00000000.jpg", "00000160.jpg"]
    for frame, number in zip([*first.frames, *second.frames], (0, 4, 0, 2)):
        assert abs(float(frame.mean()) - greys[number]) < 12
    assert np.abs(first.points[0] - [20, 10]).max() <= 0.6 and (first.points[1] == first.points[0]).all()
    # 32 x 24 pixels were shown about the first click: x from its middle, y from the upper edge.
    assert np.abs(second.points[0] - [first.points[0, 0] + 0.25, 11.75]).max() <= 0.6
