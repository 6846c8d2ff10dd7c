"""Points and boxes of other programs' annotation files, brought into the layout of clicked videos.

Each target of a video becomes a folder with its images, `clicks.csv` and, where there were boxes, `boxes.csv`. Edges of
boxes count from the left top corner of the image in all of these formats but MOT's, whose first pixel is 1.
"""

import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

from socl_core.data.files import image_files, image_size, read_text, write_atomic
from socl_core.errors import DataError, UsageError, known

# target, image (its name, its stem or its number from 0), x, y, w, h of a box or x, y of a point in pixel indices
Mark = tuple[str, str | int, tuple[float, ...]]


def coco(file: Path, images: list[Path]) -> Iterator[Mark]:
    """COCO: a target is a `track_id` where annotations have one, else a category."""
    content = _json(file, dict)
    names = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
    labels = {each["id"]: each["name"] for each in content.get("categories", [])}
    for each in content["annotations"]:
        label = str(labels.get(each.get("category_id"), "target"))
        track = each.get("track_id", each.get("attributes", {}).get("track_id"))
        target = label if track is None else f"{label}-{track}"
        if each.get("bbox"):
            yield target, names[each["image_id"]], tuple(map(float, each["bbox"]))
        else:
            yield target, names[each["image_id"]], _pixel(*each["keypoints"][:2])


def cvat(file: Path, images: list[Path]) -> Iterator[Mark]:
    """CVAT 1.1, for video (a target is a track) or for images (a target is a label)."""
    try:
        root = ElementTree.fromstring(read_text(file))
    except ElementTree.ParseError as error:
        raise DataError(f"{file} is no XML ({error}); expected an export of CVAT 1.1") from None
    for track in root.iter("track"):
        for shape in track:
            if shape.get("outside") != "1":
                yield f"{track.get('label')}-{track.get('id')}", int(shape.attrib["frame"]), _cvat_shape(shape)
    for image in root.iter("image"):
        for shape in image:
            if shape.tag in ("box", "points"):
                yield shape.attrib["label"], Path(image.attrib["name"]).name, _cvat_shape(shape)


def _cvat_shape(shape: ElementTree.Element) -> tuple[float, ...]:
    if shape.tag == "box":
        left, top, right, bottom = (float(shape.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        return left, top, right - left, bottom - top
    return _pixel(*map(float, shape.attrib["points"].split(";")[0].split(",")))


def labelstudio(file: Path, images: list[Path]) -> Iterator[Mark]:
    """Label Studio's JSON: rectangles and key points of images, and the key frames of rectangles in videos."""
    for task in _json(file, list):
        for result in (result for each in task["annotations"] for result in each["result"]):
            value = result["value"]
            label = str(next((names[0] for key, names in value.items() if key.endswith("labels") and names), "target"))
            if "sequence" in value:
                width, height = image_size(images[0])
                for shape in value["sequence"]:
                    yield f"{label}-{result['id']}", int(shape["frame"]) - 1, _percents(shape, width, height)
            else:
                name = Path(next(iter(task["data"].values()))).name
                yield label, name, _percents(value, result["original_width"], result["original_height"])


def _percents(value: dict, width: float, height: float) -> tuple[float, ...]:
    x, y = value["x"] / 100 * width, value["y"] / 100 * height
    if "height" not in value:  # a key point's width is that of its dot
        return _pixel(x, y)
    return x, y, value["width"] / 100 * width, value["height"] / 100 * height


def mot(file: Path, images: list[Path]) -> Iterator[Mark]:
    """MOT's gt.txt: frame, identity, left, top, width, height, and whether it counts; numbers are from 1."""
    for row in filter(None, read_text(file).splitlines()):
        frame, target, x, y, w, h, *rest = row.split(",")
        if not rest or float(rest[0]):
            box = float(x) - 1, float(y) - 1, float(w), float(h)
            yield f"target-{int(float(target))}", int(float(frame)) - 1, box


def yolo(folder: Path, images: list[Path]) -> Iterator[Mark]:
    """A folder of YOLO's text files: class, middle, width and height in shares of the image, perhaps an identity."""
    for path in images:
        if not (file := folder / f"{path.stem}.txt").exists():
            continue
        width, height = image_size(path)
        for row in filter(None, read_text(file).splitlines()):
            label, x, y, w, h, *track = row.split()
            box = (float(x) - float(w) / 2) * width, (float(y) - float(h) / 2) * height
            yield "-".join([f"class-{label}", *track[:1]]), path.name, (*box, float(w) * width, float(h) * height)


FORMATS: dict[str, Callable[[Path, list[Path]], Iterator[Mark]]] = {
    "coco": coco, "cvat": cvat, "labelstudio": labelstudio, "mot": mot, "yolo": yolo,
}  # fmt: skip


def import_marks(kind: str, file: Path, folder: Path, out: Path, wanted: list[str] | None = None) -> dict[str, int]:
    """Writes a folder below `out` for each target (or each of those `wanted`) that `file` marks in the images of
    `folder`; returns how many images of each are marked.

    Images are linked where the disk allows, else copied. Raises `UsageError` for an unknown kind or target and where a
    folder is there already, `DataError` for a file that is not of that kind or marks an image that is not there.
    """
    images, targets = image_files(folder), {}
    places = {key: number for number, path in enumerate(images) for key in (path.name, number)}
    try:
        for target, image, shape in FORMATS[known("format", kind, FORMATS)](file, images):
            # Label Studio puts a word of its own before the name of a file that was given to it.
            number = places.get(image, places.get(str(image).partition("-")[2]))
            if number is None:
                raise DataError(f"{file} marks the image {image}, which is not among the {len(images)} of {folder}")
            if number in (marks := targets.setdefault(re.sub(r"[^\w-]+", "-", target), {})):
                raise DataError(
                    f"{file} marks {target} twice in {images[number].name}; expected an identity (a track) for each"
                )
            marks[number] = shape
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, StopIteration) as error:
        raise DataError(f"{file} is no annotation as {kind} has it: {type(error).__name__} {error}") from error
    if not targets:
        raise DataError(f"{file} marks nothing in the images of {folder}; choose the folder that it was made for")
    chosen = {known("target", name, targets): targets[name] for name in wanted or targets}
    for target, marks in chosen.items():
        home = out / (folder.name if len(targets) == 1 else f"{folder.name}-{target}")
        if home.exists():
            raise UsageError(f"{home} is there already; choose another --out, or delete it")
        _write(home, images, marks)
    return {target: len(marks) for target, marks in chosen.items()}


def _write(home: Path, images: list[Path], marks: dict[int, tuple[float, ...]]) -> None:
    home.mkdir(parents=True)
    for path in images:
        try:
            os.link(path, home / path.name)
        except OSError:
            shutil.copy2(path, home / path.name)
    clicks, boxes = ["image,x,y"], ["image,x,y,w,h"]
    for number, shape in sorted(marks.items()):
        point = shape if len(shape) == 2 else (shape[0] + (shape[2] - 1) / 2, shape[1] + (shape[3] - 1) / 2)
        size = image_size(images[number])
        inside = (min(max(value, 0), limit - 1) for value, limit in zip(point, size))
        clicks.append(_row(images[number], inside))
        if len(shape) == 4:
            boxes.append(_row(images[number], shape))
    write_atomic(home / "clicks.csv", "\n".join(clicks) + "\n")
    if len(boxes) > 1:
        write_atomic(home / "boxes.csv", "\n".join(boxes) + "\n")


def _row(image: Path, values) -> str:
    return ",".join([image.name, *(f"{value:.6g}" for value in values)])


def _pixel(x: float, y: float) -> tuple[float, float]:
    """Pixel indices of a place that counts from the corner of the image."""
    return x - 0.5, y - 0.5


def _json(file: Path, kind: type):
    content = json.loads(read_text(file))
    if not isinstance(content, kind):
        raise ValueError(f"it holds a {type(content).__name__}")
    return content
