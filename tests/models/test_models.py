import pytest
import torch
from torch import nn

from socl_core.methods.training import new_network
from socl_core.models.alexnet import GRID, AlexNetV1
from socl_core.models.siamese import ProjectionHead
from socl_core.runs.spec import make_spec

# Weights and biases of method.md section 5, by hand: outputs x inputs a group x kernel x kernel + outputs.
CONVOLUTIONS = [(96, 3, 11, 34_944), (256, 48, 5, 307_456), (384, 256, 3, 885_120), (384, 192, 3, 663_936),
                (256, 192, 3, 442_624)]  # fmt: skip
# Scale and shift of the four batch normalisations that have them.
NORMALISATIONS = [192, 512, 768, 768]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_alexnet_has_the_layers_of_the_paper():
    network = AlexNetV1(1.0)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.in_channels // m.groups, m.kernel_size[0], parameters(m)) for m in convolutions] \
        == CONVOLUTIONS  # fmt: skip
    assert [m.stride[0] for m in convolutions] == [2, 1, 1, 1, 1]
    assert [m.groups for m in convolutions] == [1, 2, 1, 2, 2]
    assert all(m.padding == (0, 0) for m in convolutions)
    pools = [m for m in network.modules() if isinstance(m, nn.MaxPool2d)]
    assert [(m.kernel_size, m.stride, m.padding) for m in pools] == [(3, 2, 0)] * 2
    affine = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.affine]
    assert [parameters(m) for m in affine] == NORMALISATIONS
    assert parameters(network) == sum(c[-1] for c in CONVOLUTIONS) + sum(NORMALISATIONS) == 2_336_320
    assert network.channels == 256


@pytest.mark.parametrize("width", [0.125, 0.25, 0.3])
def test_width_scales_channels_and_keeps_them_even(width):
    network = AlexNetV1(width).eval()
    found = [m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert all(count % 2 == 0 and abs(count - c[0] * width) <= 1 for count, c in zip(found, CONVOLUTIONS, strict=True))
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 127, 127)).shape == (1, network.channels, 6, 6)


def test_a_cell_sees_87_pixels_around_its_centre():
    """Input gradient of one cell: the pixels it depends on, whatever the max-pooling chose."""
    pixels = 143
    torch.manual_seed(0)
    network = AlexNetV1(0.05).eval().double()
    row, column = 2, 5
    seen = torch.zeros(pixels, pixels, dtype=torch.bool)
    for _ in range(12):
        images = (255 * torch.rand(1, 3, pixels, pixels, dtype=torch.float64)).requires_grad_()
        network(images)[0, :, row, column].abs().sum().backward()
        seen |= (images.grad[0] != 0).any(0)
    for cells, index in ((seen.any(1), row), (seen.any(0), column)):
        where, centre = torch.nonzero(cells).ravel(), GRID.centres(pixels)[index]
        assert where.min() >= centre - 43 and where.max() <= centre + 43  # 87 wide
        assert where.min() <= centre - 40 and where.max() >= centre + 40
        assert abs(float(where.double().mean() - centre)) <= 1


def test_the_projection_head_has_k_hidden_units_and_64_outputs():
    head = ProjectionHead(32)
    layers = [m for m in head if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size) for m in layers] == [
        (32, 32, (1, 1)),
        (32, 64, (1, 1)),
    ]
    assert isinstance(head[1], nn.ReLU) and len(head) == 3
    features = torch.randn(2, 32, 5, 4)
    out = head(features)
    assert out.shape == (2, 64, 5, 4)
    moved = head(features.roll(1, -1))  # each location by itself
    torch.testing.assert_close(moved, out.roll(1, -1))


def test_weights_depend_on_the_seed_alone():
    def weights(seed, noise, **changes):
        torch.manual_seed(noise)
        network = new_network(make_spec("laptop", "socl-siam", seed=seed, width=0.125, **changes))
        return network.backbone.state_dict()

    first = weights(3, 0)
    for other in (weights(3, 1), weights(3, 2, head=True, lr=1.0, batch=4, eta=0.5)):
        assert all(torch.equal(first[name], other[name]) for name in first)
    second = weights(4, 0)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_a_new_network_leaves_the_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    new_network(make_spec("laptop", "socl-siam", width=0.125))
    torch.testing.assert_close(torch.rand(3), expected)
