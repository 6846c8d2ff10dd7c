"""Batch normalisation as part of the convolution before it: the same outputs in less time."""

from copy import deepcopy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A copy for inference, in which no convolution is followed by a batch normalisation of its own.

    The two belong together where one is registered right after the other.
    """
    network = deepcopy(network).eval()
    for module in network.modules():
        children = list(module.named_children())
        for (name, convolution), (next_name, norm) in zip(children, children[1:]):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(convolution, norm))
                setattr(module, next_name, nn.Identity())
    return network
