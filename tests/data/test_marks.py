"""Annotations of other programs become clicked videos."""

import json

import numpy as np
import pytest
from layouts import write_images

from socl_core import data
from socl_core.data.marks import FORMATS, import_marks
from socl_core.errors import DataError, UsageError

BOXES = {1: (4.0, 6.0, 10.0, 8.0), 3: (8.0, 6.0, 10.0, 9.0)}  # by the number of an image of 40 x 30 pixels
BOX = [{"image_id": n, "category_id": 1, "bbox": list(box)} for n, box in BOXES.items()]
CVAT = [f'<box frame="{n - 1}" outside="0" xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"/>'
        for n, (x, y, w, h) in BOXES.items()]  # fmt: skip


def percents(box):
    return dict(zip(("x", "y", "width", "height"), (100 * v / s for v, s in zip(box, (40, 30, 40, 30)))))


def rectangle(n, box):
    result = {"type": "rectanglelabels", "original_width": 40, "original_height": 30,
              "value": percents(box) | {"rectanglelabels": ["dog"]}}  # fmt: skip
    return {"data": {"image": f"/data/upload/1/abc-000{n}.jpg"}, "annotations": [{"result": [result]}]}


SHAPES = [{"frame": n, "enabled": True} | percents(box) for n, box in BOXES.items()]
FILES = {
    "coco": json.dumps({
        "images": [{"id": n, "file_name": f"set/000{n}.jpg"} for n in BOXES], "annotations": BOX,
        "categories": [{"id": 1, "name": "dog"}],
    }),
    "cvat": f'<annotations><track id="0" label="dog">{"".join(CVAT)}<box frame="1" outside="1"/></track></annotations>',
    "labelstudio": json.dumps([rectangle(n, box) for n, box in BOXES.items()]),
    "labelstudio video": json.dumps([{"data": {"video": "a.mp4"}, "annotations": [{"result": [
        {"id": "x", "type": "videorectangle", "value": {"sequence": SHAPES, "labels": ["dog"]}}]}]}]),
    "mot": "".join(f"{n},7,{x + 1},{y + 1},{w},{h},1,1,1\n" for n, (x, y, w, h) in BOXES.items())
    + "2,7,1,1,9,9,0,1,1\n",
    "yolo": {n: f"0 {(x + w / 2) / 40} {(y + h / 2) / 30} {w / 40} {h / 30}\n" for n, (x, y, w, h) in BOXES.items()},
}  # fmt: skip


def written(folder, content):
    """An annotation on the disk, beside a folder with three images."""
    write_images(folder / "my", [1, 2, 3])
    if isinstance(content, str):
        (folder / "file").write_text(content)
    else:
        (folder / "file").mkdir()
        for number, text in content.items():
            (folder / f"file/000{number}.txt").write_text(text)
    return folder / "file", folder / "my", folder / "out"


@pytest.mark.parametrize("name", FILES)
def test_boxes_of_each_program_become_clicks_and_boxes(tmp_path, name):
    counts = import_marks(name.split()[0], *written(tmp_path, FILES[name]))
    assert list(counts.values()) == [2] and {*FORMATS} <= {each.split()[0] for each in FILES}
    (video,) = data.load(f"clicks:{tmp_path / 'out'}", "train")
    assert video.name == "my" and video.valid.tolist() == [True, False, True] and video.boxes is None
    np.testing.assert_allclose(video.points[[0, 2]], [(8.5, 9.5), (12.5, 10)], atol=1e-4)
    rows = (tmp_path / "out/my/boxes.csv").read_text().splitlines()[1:]
    np.testing.assert_allclose([[*map(float, row.split(",")[1:])] for row in rows], [*BOXES.values()], atol=1e-4)


def test_points_and_several_targets(tmp_path):
    points = '<image name="000{}.jpg"><points label="{}" points="{},{}"/></image>'
    rows = [points.format(n, label, x + 0.5, 3.5) for label, x in (("cat", 5), ("a/b", 39.4)) for n in (1, 2)]
    place = written(tmp_path, f"<annotations>{''.join(rows)}</annotations>")
    assert import_marks("cvat", *place) == {"cat": 2, "a-b": 2}
    one, other = data.load(f"clicks:{tmp_path / 'out'}", "train")
    assert (one.name, other.name) == ("my-a-b", "my-cat") and not list(tmp_path.glob("out/*/boxes.csv"))
    assert other.points[0].tolist() == [5, 3] and one.points[0].tolist() == [39, 3]  # inside of the image
    with pytest.raises(UsageError, match="is there already"):
        import_marks("cvat", *place)
    assert import_marks("cvat", *place[:2], tmp_path / "more", ["cat"]) == {"cat": 2}


@pytest.mark.parametrize("kind, content, cause", [
    ("coco", "{}", "no annotation as coco has it: KeyError"),
    ("coco", "nothing", "no annotation as coco has it"),
    ("cvat", "<a>", "is no XML"),
    ("cvat", "<a/>", "marks nothing"),
    ("labelstudio", "{}", "it holds a dict"),
    ("mot", "1,2,3\n", "no annotation as mot has it"),
    ("mot", "9,1,1,1,2,2\n", "marks the image 8, which is not among the 3"),
    ("mot", "1,1,1,1,2,2\n1,1,1,1,2,2\n", "twice in 0001.jpg"),
])  # fmt: skip
def test_what_is_no_such_file_is_refused(tmp_path, kind, content, cause):
    with pytest.raises(DataError, match=cause):
        import_marks(kind, *written(tmp_path, content))
    assert not (tmp_path / "out").exists()
