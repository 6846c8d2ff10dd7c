"""Data sets by name, whatever their layout: what is found, cut, identified and refused."""

import pytest
from layouts import got10k_split, otb_sequence, write_images

from socl_core import data
from socl_core.data.layout import Layout, select
from socl_core.errors import DataError, UsageError


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCL_DATA", str(tmp_path))
    otb_sequence(tmp_path / "otb", "Deer")
    otb_sequence(tmp_path / "otb", "Boy")
    otb_sequence(tmp_path / "otb_dev", "Dog")
    got10k_split(tmp_path / "real_mini", "train")
    got10k_split(tmp_path / "real_mini", "val", names=("v",))
    return tmp_path


def names(found):
    return [sequence.name for sequence in found]


def test_bare_names_are_found_below_the_root(root, monkeypatch):
    assert names(data.load("otb", "test")) == ["Boy", "Deer"]
    assert names(data.load("otb_dev", "dev")) == ["Dog"]
    assert names(data.load("real_mini", "val")) == ["v"]
    monkeypatch.setenv("SOCL_DATA", str(root / "elsewhere"))
    with pytest.raises(DataError):
        data.load("otb", "test")
    monkeypatch.delenv("SOCL_DATA")
    (root / "data").mkdir()
    (root / "otb").rename(root / "data" / "otb")
    monkeypatch.chdir(root)
    assert names(data.load("otb", "test")) == ["Boy", "Deer"]


def test_paths_are_taken_as_given(root, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setenv("SOCL_DATA", "/nowhere")
    monkeypatch.setenv("HOME", str(root))
    assert names(data.load("otb:otb", "test")) == names(data.load("otb:~/otb", "test")) == ["Boy", "Deer"]
    assert names(data.load(f"got10k:{root}/real_mini/val", "val")) == ["v"]


def test_sequences_videos_and_frames_cut(root):
    (root / "otb" / "Deer" / "groundtruth_rect.txt").write_text("damaged")
    (boy,) = data.load("otb", "test", videos=1, frames=2)  # what is not asked for is not read
    assert boy.name == "Boy" and len(boy) == len(boy.points) == len(boy.boxes) == len(boy.valid) == 2
    assert boy.frames[1].ndim == 3
    assert [len(s) for s in data.load("otb", "test", ["Boy"], videos=9, frames=99)] == [4]
    for label in ("videos", "frames"):
        with pytest.raises(UsageError, match=f"{label} is 0"):
            data.load("otb", "test", **{label: 0})


def test_labels_are_cut_with_the_frames_and_hidden_with_the_boxes(root):
    (a, _) = data.load("real_mini", "train", frames=2)
    labels = {name: rows.tolist() for name, rows in a.labels.items()}
    assert labels == {"absence": [0, 0], "cover": [8, 8], "cut_by_image": [0, 0]}
    assert a.point_view().labels == {} and a.point_view().boxes is None


def test_select_keeps_the_order_of_the_data_set():
    places = dict.fromkeys(["b", "a", "c", "Jogging.1", "Jogging.2"])
    assert list(select(places, ["c", "b"])) == ["b", "c"] and select(places, None) == places
    assert list(select(places, ["Jogging"])) == ["Jogging.1", "Jogging.2"]
    for wanted, message in ((["Jogging.3"], "'Jogging.3': did you mean 'Jogging"), ([], "found none")):
        with pytest.raises(UsageError, match=message):
            select(places, wanted)


@pytest.mark.parametrize("spec", ["obt", "otb:", "lasott:x", "composite:x", ""])
def test_unknown_data_sets_name_the_valid_ones(spec):
    for ask in (data.load, data.manifest, data.role, lambda spec, _: data.available(spec)):
        with pytest.raises(UsageError, match=rf"unknown data set '{spec}'.*composite.*got10k:PATH.*otb_dev"):
            ask(spec, "test")


@pytest.mark.parametrize("spec, split, expected", [
    ("composite", "train", "train"), ("composite", "dev", "dev"), ("composite", "test", "test"),
    ("real_mini", "train", "train"), ("real_mini", "val", "dev"), ("got10k:x", "test", "test"),
    ("otb", "test", "test"), ("otb", "dev", "test"), ("otb_dev", "dev", "dev"), ("otb_dev", "test", "dev"),
    ("lasot", "test", "test"), ("lasot:x", "train", "train"), ("trackingnet:x", "train", "train"),
    ("otb:x/otb_dev/", "dev", "dev"), ("otb:x/OTB100", "dev", "test"), ("otb:otb_dev/x", "dev", "test"),
    ("otb:.", "dev", "dev"),
])  # fmt: skip
def test_roles(spec, split, expected, tmp_path, monkeypatch):
    (tmp_path / "otb_dev").mkdir()
    monkeypatch.chdir(tmp_path / "otb_dev")
    assert data.role(spec, split) == expected


@pytest.mark.parametrize("ask", [data.role, data.load, data.manifest, data.evaluation_split])
@pytest.mark.parametrize("spec, split", [("composite", "val"), ("real_mini", "dve"), ("got10k:x", "")])
def test_unknown_splits_are_refused(ask, spec, split):
    with pytest.raises(UsageError, match=f"unknown split of {spec} '{split}'"):
        ask(spec, split)


@pytest.mark.parametrize("spec, dev, test", [
    ("composite", "dev", "test"), ("real_mini", "val", "val"), ("lasot", "test", "test"),
    ("otb", "test", "test"), ("otb_dev", "dev", "dev"),
])  # fmt: skip
def test_evaluation_splits_are_annotated_ones(spec, dev, test):
    assert (data.evaluation_split(spec, "dev"), data.evaluation_split(spec, "test")) == (dev, test)
    with pytest.raises(UsageError, match="no split that can be scored here.*--export"):
        data.evaluation_split("trackingnet", "test")


def test_available(root, monkeypatch):
    paths = f"otb:{root}/otb", f"got10k:{root}/real_mini", f"got10k:{root}/real_mini/val"
    for spec in ("composite", "otb", "otb_dev", "real_mini", *paths):
        assert data.available(spec) is None
    (root / "real_mini" / "train" / "list.txt").unlink()
    assert data.available("real_mini") is None
    (root / "real_mini" / "val" / "list.txt").unlink()
    assert "holds no data; expected train/list.txt" in data.available("real_mini")
    monkeypatch.setenv("SOCL_DATA", str(root / "elsewhere"))
    assert f"there is no folder {root}/elsewhere/otb; expected <Name>/img" in data.available("otb")
    for ask in (data.require, lambda spec: data.manifest(spec, "test")):
        with pytest.raises(DataError, match="there is no folder"):
            ask("otb")


def test_manifest_follows_the_content_and_nothing_else(root):
    def ask():
        return data.manifest("otb", "test")

    first = ask()
    assert len(first) == 16 and int(first, 16) >= 0
    assert data.manifest("otb", "train") == first  # it has one split; `load` refuses another name
    (root / "otb" / "notes.txt").write_text("no annotation")
    (root / "otb" / "Deer" / "img" / "0001.jpg").touch()
    assert ask() == first == data.manifest(f"otb:{root}/otb", "test")
    annotation = root / "otb" / "Deer" / "groundtruth_rect.txt"
    before = annotation.read_text()
    annotation.write_text(before.replace("3", "4", 1))  # as long as it was
    assert ask() != first
    annotation.write_text(before)
    assert ask() == first
    write_images(root / "otb" / "Deer" / "img", [9])
    assert ask() != first
    (root / "otb" / "Deer" / "img" / "0009.jpg").unlink()
    with open(root / "otb" / "Deer" / "img" / "0002.jpg", "ab") as image:
        image.write(b"x")
    assert ask() != first


def test_manifest_does_not_follow_the_order_of_the_file_system(root, monkeypatch):
    first, files = data.manifest("otb", "test"), Layout._files
    monkeypatch.setattr(Layout, "_files", lambda *where: reversed(list(files(*where))))
    assert data.manifest("otb", "test") == first


def test_real_data(data_root, monkeypatch):
    monkeypatch.setenv("SOCL_DATA", str(data_root))
    assert names(data.load("otb_dev", "dev")) and data.available("otb") is data.available("real_mini") is None
