"""ResNet-10, -18 and -50 as a tracker's backbone: no pooling, no classes, stride 16, with a width factor."""

import torch
from torch import nn

from socl_core.geometry import Grid
from socl_core.models.init import draw_weights

# All padding is half a kernel, so cell i lies on pixel 16 i: a crop of 16 n + 1 pixels has its cells symmetric.
GRID = Grid(stride=16, field=1)
STAGE_GRIDS = tuple(Grid(stride=stride, field=1) for stride in (4, 4, 8, 16, 16))  # of the stem and of each layer


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    """A residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the outputs. (He et al., 2016)

    The stride of a bottleneck is on its 3x3 convolution, as torchvision has it.
    """

    def __init__(self, inputs: int, channels: int, stride: int, bottleneck: bool):
        super().__init__()
        outputs = channels * (4 if bottleneck else 1)
        shapes = [(inputs, channels, 3, stride), (channels, channels, 3, 1)]
        if bottleneck:
            shapes = [(inputs, channels, 1, 1), (channels, channels, 3, stride), (channels, outputs, 1, 1)]
        for i, shape in enumerate(shapes, 1):
            self.add_module(f"conv{i}", convolution(*shape))
            self.add_module(f"bn{i}", nn.BatchNorm2d(shape[1]))
        self.count, self.downsample = len(shapes), None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for i in range(1, self.count + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = out.relu() if i < self.count else out
        return (out + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    """ResNet without average pool and classes, layer4 with stride 1. [S]

    Names of parameters are torchvision's. The output is centred and scaled per channel by a batch
    normalisation without parameters (`norm`), as in AlexNetV1 [R]: else all cosines start near .8.

    width: factor on the channels 64, 128, 256, 512. strides: of the layers, four or fewer.
    Subclasses say how many blocks each layer has, and whether they are bottlenecks.
    Input (B, 3, S, S) in 0..255, BGR; output (B, channels, s, s) with s = grid.cells(S).
    """

    grid, stage_grids = GRID, STAGE_GRIDS
    blocks: tuple[int, ...]
    bottleneck = False

    def __init__(self, width: float = 1.0, strides: tuple[int, ...] = (1, 2, 2, 1)):
        super().__init__()
        channels = [max(2, round(c * width / 2) * 2) for c in (64, 128, 256, 512)]
        self.conv1, self.bn1 = nn.Conv2d(3, channels[0], 7, 2, padding=3, bias=False), nn.BatchNorm2d(channels[0])
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.layers, inputs = [f"layer{i}" for i in range(1, len(strides) + 1)], channels[0]
        for name, count, outputs, stride in zip(self.layers, self.blocks, channels, strides):
            layer = nn.Sequential()
            for number in range(count):
                layer.append(Block(inputs, outputs, stride if number == 0 else 1, self.bottleneck))
                inputs = outputs * (4 if self.bottleneck else 1)
            self.add_module(name, layer)
        self.channels, self.norm = inputs, nn.BatchNorm2d(inputs, affine=False)
        # What ImageNet's weights expect: red, green, blue of zero mean and unit spread.
        self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor([58.395, 57.12, 57.375])[:, None, None], persistent=False)
        draw_weights(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stages(images)[-1]

    def stages(self, images: torch.Tensor, last: int = 4) -> list[torch.Tensor]:
        """Outputs of the stem and of the layers up to number `last`; that of all layers is normalised.

        Output i lies on the grid `stage_grids[i]`.
        """
        outputs = [self.pool(self.bn1(self.conv1((images.flip(1) - self.mean) / self.deviation)).relu())]
        for name in self.layers[:last]:
            outputs.append(getattr(self, name)(outputs[-1]))
        if len(outputs) > len(self.layers):
            outputs[-1] = self.norm(outputs[-1])
        return outputs


class ResNet10(ResNet):
    """ResNet with one block a layer: a smaller field of view, and half the time of ResNet-18."""

    blocks = (1, 1, 1, 1)


class ResNet18(ResNet):
    """ResNet-18: 512 x width channels."""

    blocks = (2, 2, 2, 2)


class ResNet50(ResNet):
    """ResNet-50: 2048 x width channels."""

    blocks, bottleneck = (3, 4, 6, 3), True


RESNETS = {"resnet10": ResNet10, "resnet18": ResNet18, "resnet50": ResNet50}
