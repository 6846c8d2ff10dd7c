import numpy as np
import pytest
from layouts import some_boxes, trackingnet_sequence

from socl_core import data
from socl_core.data.layouts.trackingnet import TrackingNet
from socl_core.errors import DataError, UsageError


def test_chunks_are_read_in_order_and_frames_by_number(tmp_path):
    for chunk, name in (("TRAIN_10", "b"), ("TRAIN_2", "c"), ("TRAIN_2", "-a_0")):
        trackingnet_sequence(tmp_path, chunk, name)
    found = data.load(f"trackingnet:{tmp_path}", "train")
    assert [sequence.name for sequence in found] == ["-a_0", "c", "b"]
    assert [path.stem for path in found[0].frames.paths] == [str(number) for number in range(12)]
    np.testing.assert_array_equal(found[0].boxes, some_boxes(12))
    assert found[0].valid.all()


def test_the_test_split_has_its_first_boxes_alone(tmp_path):
    trackingnet_sequence(tmp_path, "TEST", "t", frames=3)
    (sequence,) = data.load(f"trackingnet:{tmp_path}", "test")
    assert sequence.boxes[0].tolist() == [3, 5, 8, 6] and np.isnan(sequence.boxes[1:]).all()
    assert sequence.valid.tolist() == [True, False, False] and np.isnan(sequence.points[1:]).all()


def test_bad_input(tmp_path):
    with pytest.raises(DataError, match="no TrackingNet train sequence in .*TRAIN_0/anno"):
        TrackingNet(tmp_path).find("train")
    with pytest.raises(UsageError, match="unknown split of trackingnet:.* 'val'"):
        data.load(f"trackingnet:{tmp_path}", "val")
    trackingnet_sequence(tmp_path, "TRAIN_0", "a", boxes=some_boxes(1))
    with pytest.raises(DataError, match="a.txt has 1 rows, but .* holds 12 images"):
        data.load(f"trackingnet:{tmp_path}", "train")
    trackingnet_sequence(tmp_path, "TRAIN_1", "a")
    with pytest.raises(DataError, match="TRAIN_1 holds a, which .*TRAIN_0.frames holds as well"):
        TrackingNet(tmp_path).find("train")


def test_manifest_names_the_chunk(tmp_path):
    trackingnet_sequence(tmp_path, "TRAIN_0", "a")
    trackingnet_sequence(tmp_path, "TRAIN_1", "b")
    spec = f"trackingnet:{tmp_path}"
    first = data.manifest(spec, "train")
    (tmp_path / "TRAIN_1" / "anno" / "b.txt").write_text("1,2,3,4\n" * 12)
    assert data.manifest(spec, "train") != first
