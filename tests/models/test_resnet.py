import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from socl_core.errors import DataError, UsageError
from socl_core.methods.training import new_network
from socl_core.models.init import load_init
from socl_core.models.resnet import GRID, ResNet18, ResNet50
from socl_core.models.siamese import BACKBONES
from socl_core.runs.identity import data_hashes
from socl_core.runs.spec import make_spec


def torchvision_names(blocks, convolutions):
    """Names of torchvision's state dict without the classes, as its documentation lists the modules."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {"conv1.weight", *(f"bn1.{n}" for n in norm)}
    for layer, count in enumerate(blocks, 1):
        for block in range(count):
            prefix = f"layer{layer}.{block}"
            for i in range(1, convolutions + 1):
                names |= {f"{prefix}.conv{i}.weight", *(f"{prefix}.bn{i}.{n}" for n in norm)}
            if block == 0 and (layer > 1 or convolutions == 3):
                names |= {f"{prefix}.downsample.0.weight", *(f"{prefix}.downsample.1.{n}" for n in norm)}
    return names


@pytest.mark.parametrize("make, blocks, convolutions, published", [
    (ResNet18, (2, 2, 2, 2), 2, 11_689_512 - 513_000),  # torchvision's count without its 1,000 classes
    (ResNet50, (3, 4, 6, 3), 3, 25_557_032 - 2_049_000),
])  # fmt: skip
def test_names_and_size_are_torchvisions(make, blocks, convolutions, published):
    with torch.device("meta"):
        network = make()
    names = {name for name in network.state_dict() if not name.startswith("norm.")}
    assert names == torchvision_names(blocks, convolutions)
    assert sum(p.numel() for p in network.parameters()) == published
    assert network.channels == (512 if convolutions == 2 else 2048)


def slow_forward(weights, images, blocks, convolutions):
    """He et al., 2016, layer by layer from the weights alone, with layer4 at stride 1."""

    def conv(name, x, stride=1):
        w = weights[f"{name}.weight"]
        return F.conv2d(x, w, stride=stride, padding=w.shape[-1] // 2)

    def norm(name, x):
        mean, var, scale, shift = (weights[f"{name}.{n}"][:, None, None]
                                   for n in ("running_mean", "running_var", "weight", "bias"))  # fmt: skip
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    rgb = images[:, [2, 1, 0]] / 255
    x = (rgb - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x = F.max_pool2d(norm("bn1", conv("conv1", x, 2)).relu(), 3, 2, 1)
    for layer, (count, stride) in enumerate(zip(blocks, (1, 2, 2, 1)), 1):
        for block in range(count):
            name, first = f"layer{layer}.{block}", stride if block == 0 else 1
            strides = (first, 1) if convolutions == 2 else (1, first, 1)
            y = x
            for i, s in enumerate(strides, 1):
                y = norm(f"{name}.bn{i}", conv(f"{name}.conv{i}", y, s))
                y = y.relu() if i < convolutions else y
            short = norm(f"{name}.downsample.1", conv(f"{name}.downsample.0", x, first)) \
                if f"{name}.downsample.0.weight" in weights else x  # fmt: skip
            x = (y + short).relu()
    last = {n: weights[f"norm.{n}"][:, None, None] for n in ("running_mean", "running_var")}
    return (x - last["running_mean"]) / (last["running_var"] + 1e-5).sqrt()


@pytest.mark.parametrize("make, blocks, convolutions", [(ResNet18, (2, 2, 2, 2), 2), (ResNet50, (3, 4, 6, 3), 3)])
def test_forward_is_the_slow_one(make, blocks, convolutions):
    torch.manual_seed(0)
    network = make(0.0625)
    network(255 * torch.rand(4, 3, 65, 65))  # moves the running statistics off their start
    network.eval()
    images = 255 * torch.rand(2, 3, 81, 81)
    with torch.inference_mode():
        found, expected = network(images), slow_forward(network.state_dict(), images, blocks, convolutions)
    assert found.shape == (2, network.channels, 6, 6)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("pixels, centred", [(129, True), (161, True), (127, False), (132, False)])
def test_a_mirrored_crop_has_mirrored_features_where_its_cells_are_centred(pixels, centred):
    torch.manual_seed(0)
    network = ResNet18(0.0625).eval().double()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data += module.weight.data.flip(-1)
    images = 255 * torch.rand(1, 3, pixels, pixels, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.allclose(network(images.flip(-1)), network(images).flip(-1)) == centred
    assert (GRID.centred(pixels) == pixels) == centred


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_crops_of_a_spec_are_those_with_centred_cells(backbone):
    grid = BACKBONES[backbone].grid
    for pixels in range(127, 256):
        centres = grid.centres(pixels) - (pixels - 1) / 2
        assert np.array_equal(centres[::-1], -centres) == (grid.centred(pixels) == pixels)
    make_spec("laptop", "socl-siam", backbone=backbone, crop=grid.centred(255))
    with pytest.raises(UsageError, match=f"crop .* {grid.centred(250)} .*; found 250"):
        make_spec("laptop", "socl-siam", backbone=backbone, crop=250)


@pytest.fixture
def published():
    """A state dict as published: with classes, without our last normalisation."""
    torch.manual_seed(1)
    weights = {name: torch.rand_like(t.float()) for name, t in ResNet18(0.03).state_dict().items()}
    weights = {name: t for name, t in weights.items() if not name.startswith("norm.")}
    return weights | {"fc.weight": torch.rand(10, 16), "fc.bias": torch.rand(10)}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_published_weights_load(published, tmp_path, suffix):
    path = tmp_path / f"resnet18.{suffix}"
    save_file(published, path) if suffix == "safetensors" else torch.save(published, path)
    network = ResNet18(0.03)
    load_init(network, path)
    assert torch.equal(network.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])
    assert torch.equal(network.bn1.running_var, published["bn1.running_var"])
    spec = make_spec("laptop", "socl-siam", backbone="resnet18", crop=161, width=0.03, init=str(path))
    assert torch.equal(new_network(spec).backbone.conv1.weight, published["conv1.weight"])
    assert len(data_hashes(spec)["init"]) == 16


def test_a_training_starts_from_the_weights_of_a_run(tmp_path):
    first = new_network(make_spec("laptop", "socl-siam", width=0.1, seed=1))
    save_file({name: tensor.half() for name, tensor in first.state_dict().items()}, tmp_path / "run.safetensors")
    second = new_network(make_spec("laptop", "socl-siam", width=0.1, seed=2, init=str(tmp_path / "run.safetensors")))
    for name, tensor in first.backbone.state_dict().items():
        assert torch.equal(second.backbone.state_dict()[name], tensor.half().to(tensor.dtype))


def test_weights_that_do_not_fit_are_refused_by_name(published, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(published, path)
    with pytest.raises(DataError, match=r"mismatch for \S+: .*\[\d.*\[\d"):
        load_init(ResNet18(0.0625), path)
    for change, message in (
        ({"layer1.0.conv1.weight": None}, 'ResNet18: Missing .* "layer1.0.conv1.weight"'),
        ({"layer9.weight": torch.zeros(1)}, 'ResNet18: Unexpected .* "layer9.weight"'),
    ):
        torch.save({name: t for name, t in (published | change).items() if t is not None}, path)
        with pytest.raises(DataError, match=message):
            load_init(ResNet18(0.03), path)


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save([torch.zeros(1)], path)
    for content in (b"", b"no weights", pickle.dumps(print, 2), pickle.dumps({"a": 1}, 2), path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match="holds no weights|holds no state dict"):
            load_init(ResNet18(0.03), path)
    with pytest.raises(DataError, match="cannot read the weights"):
        data_hashes(make_spec("laptop", "socl-siam", init=str(tmp_path / "absent.pth")))
