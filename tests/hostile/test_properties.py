"""Inputs with a structure, drawn at random: the result is right, or an error that a user can mend; nothing else."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import write_images
from pictures import exif_jpeg, jpeg, png

from socl_core import methods
from socl_core.commands import options
from socl_core.data import files
from socl_core.data.layout import Place
from socl_core.data.layouts.clicks import Clicks
from socl_core.data.reading import image_size, read_image, read_object, read_text
from socl_core.errors import DataError, SoclError
from socl_core.runs.spec import make_spec, read_spec
from socl_core.scoring.results import read_results

pytestmark = pytest.mark.timeout(120)

NUMBER = st.one_of(
    st.floats().map(repr), st.integers().map(str), st.sampled_from(["", "nan", "1e999", "-0", "٣", "0x1"])
)
ROWS = st.lists(st.lists(NUMBER, max_size=6), max_size=6)
BYTES = st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: text.encode(errors="ignore")))
WORD = st.text(max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    write_images(folder / "a", range(1, 4))
    return folder


@given(ROWS, st.sampled_from([",", "\t", " ", ", ", ";"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_boxes_are_read_as_they_stand_or_refused(place, rows, separator, end):
    content = end.join(separator.join(row) for row in rows)
    (place / "b.txt").write_bytes(content.encode())
    try:
        boxes = files.read_annotation(place / "b.txt")
    except DataError as error:
        assert "b.txt" in str(error)
    else:
        lines = content.rstrip().splitlines()
        assert boxes.shape == (len(lines), 4) and np.isfinite(boxes).all() and (boxes[:, 2:] >= 0).all()


@given(BYTES)
def test_bytes_are_text_boxes_labels_or_an_error(place, content):
    (place / "b.txt").write_bytes(content)
    labels = lambda path: files.read_labels(path, 3, range(2))  # noqa: E731
    for read in (read_text, read_object, files.read_boxes, read_results, labels):
        with contextlib.suppress(DataError):
            read(place / "b.txt")


IMAGES = st.sampled_from(["0001.jpg", "0002.jpg", "9.jpg", "", '"', "../a"])
HEADERS = st.sampled_from(["image,x,y", "image , x,y", "x,y", "", '"image"'])


@given(st.lists(st.tuples(IMAGES, NUMBER, NUMBER), max_size=5), HEADERS)
def test_clicks_lie_in_their_frames_or_are_refused(place, rows, header):
    (place / "a/clicks.csv").write_text("\n".join([header, *map(",".join, rows)]), encoding="utf-8")
    try:
        sequence = Clicks(place).read("a", Place(place / "a", place / "a/clicks.csv"))
    except DataError as error:
        assert "clicks.csv" in str(error)
    else:
        clicks = sequence.points[sequence.valid]
        assert len(clicks) > 1 and (clicks >= 0).all() and (clicks < (40, 30)).all()


@settings(max_examples=300)
@given(st.data())
def test_any_text_for_any_parameter_makes_a_spec_or_a_message(data):
    method = data.draw(st.sampled_from(sorted(methods.modules())))
    name = data.draw(st.sampled_from(sorted(methods.find(method).model_fields)))
    text = data.draw(
        NUMBER | st.text(max_size=20) | st.sampled_from(["[]", "{}", "&a [*a]", "2020-13-45", "!!set {1}", "0o8"])
    )
    try:
        spec = make_spec("smoke", method, **options.settings([f"{name}={text}"]))
    except SoclError as error:
        assert len(str(error)) < 3000
    else:
        assert read_spec(spec.model_dump(mode="json")) == spec


@given(JSON, st.sampled_from(["socl-siam", "mil", None]))
def test_any_data_is_a_spec_or_a_message(content, method):
    if method and isinstance(content, dict):
        content["method"] = method
    with contextlib.suppress(SoclError):
        read_spec(content)


@given(st.sampled_from([jpeg(), jpeg(progressive=True), png(), exif_jpeg(6)]), st.data())
def test_a_damaged_image_is_decoded_whole_or_refused(place, image, data):
    content = bytearray(image)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (place / "i.jpg").write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    try:
        found = read_image(place / "i.jpg", thorough=True)
    except DataError as error:
        assert "i.jpg" in str(error)
    else:
        size = image_size(place / "i.jpg")
        assert found.ndim == 3 and found.dtype == np.uint8
        # Of a damaged note which side is up, OpenCV and Pillow may make different things.
        assert found.shape[1::-1] in (size, size[::-1])


@given(st.lists(st.floats(width=32) | st.sampled_from([0.0, np.nan, np.inf]), min_size=4, max_size=40))
def test_boxes_written_are_boxes_read(place, values):
    boxes = np.array(values[: len(values) // 4 * 4], float).reshape(-1, 4)
    files.write_boxes(place / "w.txt", boxes)
    np.testing.assert_array_equal(files.read_own_boxes(place / "w.txt", len(boxes)), files.as_written(boxes))
