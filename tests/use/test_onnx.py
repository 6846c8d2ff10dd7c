"""Networks as ONNX files: onnxruntime computes with them what torch does."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from moving import video
from program import socl
from tiny import CPU, TINY_TRANST

from socl_core.methods.training import new_network
from socl_core.runs.spec import make_spec
from socl_core.runs.weights import read_weights, save_weights, weights_spec
from socl_core.use import SHIPPED
from socl_core.use.onnx import write_onnx

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "book/examples"


def test_the_example_of_the_book_follows_as_the_tracker_does(tmp_path, monkeypatch):
    done = socl("weights", "socl-siam", "--out", "siam.onnx", cwd=tmp_path)
    assert done.returncode == 0 and "stage4" in done.stdout, done.stderr
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    from onnx_tracker import Tracker

    path = SHIPPED["socl-siam"]
    ours, theirs = weights_spec(path).tracker(read_weights(path, CPU), CPU), Tracker(tmp_path / "siam.onnx")
    images, boxes = video(frames=10)
    for tracker in (ours, theirs):
        tracker.init(images[0], boxes[0])
    for image, box in zip(images[1:], boxes[1:]):
        found = theirs.update(image)
        np.testing.assert_allclose(found, ours.update(image), atol=0.1)
        np.testing.assert_allclose(found, box, atol=8)


def test_features_in_eight_bits_point_where_those_in_32_do(tmp_path, monkeypatch):
    import int8
    from int8 import Crops, OneCore, write_int8

    asked, load = [], int8.data.load
    monkeypatch.setattr(int8.data, "load", lambda *names, videos: asked.append(videos) or load(*names, videos=videos))
    paths = [tmp_path / "siam.onnx", tmp_path / "siam8.onnx"]
    write_onnx(SHIPPED["socl-siam"], paths[0])
    write_int8(*paths, videos=4)
    assert asked == [4]
    assert paths[1].stat().st_size < 0.4 * paths[0].stat().st_size
    exact, coarse = (OneCore(path).session.run(["stage4"], Crops(videos=1).get_next())[0] for path in paths)
    cosines = (exact * coarse).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(coarse, axis=1)
    assert 0.97 < cosines.mean() < 1


@pytest.mark.parametrize("method", ["socl-cf", "transt"])
def test_other_networks_compute_the_same(tmp_path, method):
    import onnxruntime

    spec = make_spec("smoke", method, **(TINY_TRANST if method == "transt" else {"width": 0.1}))
    network = new_network(spec).eval()
    save_weights(network.state_dict(), spec, tmp_path / "w.safetensors")
    names = write_onnx(tmp_path / "w.safetensors", tmp_path / "w.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "w.onnx")
    shapes = [(1, 3, 32, 32), (1, 3, 64, 64)] if method == "transt" else [(3, 3, 129, 129)]
    images = [torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255 for shape in shapes]
    with torch.no_grad():
        expected = network(*images) if method == "transt" else network.backbone.stages(*images)
    found = session.run(names, {put.name: image.numpy() for put, image in zip(session.get_inputs(), images)})
    assert len(found) == len(expected) >= 2
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-3 * float(other.abs().max()))
