"""The start of a backbone: random weights, or those of a file, such as ImageNet's."""

import io
from pathlib import Path
from textwrap import shorten

import torch
from safetensors.torch import load
from torch import nn

from socl_core.data.reading import read_bytes
from socl_core.errors import DataError

CLASSES = ("fc.weight", "fc.bias")
OWN = "backbone."  # how a run's weights call those of its backbone


def draw_weights(network: nn.Module) -> None:
    """Draws the weights of all convolutions by He et al. (2015), with biases of zero."""
    for module in network.modules():
        # Where there are shapes alone, nothing is drawn: torch would import its compiler for it, which takes a second.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def load_init(backbone: nn.Module, path: Path) -> None:
    """Puts weights of a file into a backbone: a state dict of safetensors or of torch, with or without classes, or
    the weights of a run, of which the backbone's are taken.

    Raises `DataError` when the file cannot be read, lacks a tensor, has one too many or one of another shape.
    """
    weights = {name: tensor for name, tensor in _read_tensors(path).items() if name not in CLASSES}
    own = backbone.state_dict()  # of which published weights need not have the last normalisation and the counts
    optional = {name: own[name] for name in own if name.startswith("norm.") or name.endswith("num_batches_tracked")}
    try:
        backbone.load_state_dict(optional | weights)
    except RuntimeError as error:  # torch's first reason follows a line of its own; it may name all tensors
        reason, width = shorten(str(error).splitlines()[1], 200), "a width other than 1 fits no published weights"
        raise DataError(f"{path} is no state dict of {type(backbone).__name__}: {reason}; {width}") from error


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        content = read_bytes(path)
        if Path(path).suffix == ".safetensors":
            found = load(content)
            own = {name.removeprefix(OWN): tensor for name, tensor in found.items() if name.startswith(OWN)}
            return own or found
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # of a file that is none torch may raise nearly anything
        raise DataError(f"{path} holds no weights; expected safetensors or a torch state dict") from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataError(f"{path} holds no state dict: expected tensors by name")
    return found
