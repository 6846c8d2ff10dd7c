import pytest
import torch
from torch import nn

from socl_core.models.alexnet import AlexNetV1
from socl_core.models.fold import folded
from socl_core.models.resnet import ResNet10, ResNet18, ResNet50


@pytest.mark.parametrize("make", [AlexNetV1, ResNet10, ResNet18, ResNet50])
def test_a_folded_network_gives_the_same_and_leaves_the_other_as_it_was(make):
    torch.manual_seed(0)
    network = make(0.0625)
    network(255 * torch.rand(4, 3, 129, 129))  # moves the running statistics off their start
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.rand_like(parameter)
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = folded(network)
    images = 255 * torch.rand(2, 3, 129, 129)
    assert network.training
    with torch.inference_mode():
        torch.testing.assert_close(found(images), network.eval()(images), rtol=1e-3, atol=1e-3)
    norms = [name for name, module in found.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms in ([], ["norm"])  # that of a ResNet follows no convolution
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("make", [AlexNetV1, ResNet18])
def test_stages_have_the_cells_of_their_grids_and_end_with_the_output(make):
    torch.manual_seed(0)
    network = make(0.0625).eval()
    for pixels in (129, 255, 257):
        images = 255 * torch.rand(1, 3, pixels, pixels)
        with torch.inference_mode():
            stages = network.stages(images)
            assert [stage.shape[-1] for stage in stages] == [grid.cells(pixels) for grid in network.stage_grids]
            assert torch.equal(stages[-1], network(images))
            first = network.stages(images, 1)
        assert len(first) == 2 and torch.equal(first[1], stages[1])
