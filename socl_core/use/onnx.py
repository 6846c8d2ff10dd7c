"""Trained networks for programs without torch: ONNX files, whose metadata hold the parameters of the tracker."""

import json
import logging
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from socl_core.errors import UsageError
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.models.fold import folded
from socl_core.runs.weights import read_weights, weights_spec


class Stages(nn.Module):
    """Images (B, 3, S, S), BGR 0..255, to the outputs of all stages of a backbone, as trackers see them."""

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone, self.last = folded(backbone), len(backbone.stage_grids) - 1

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return self.backbone.stages(images, self.last)


def write_onnx(weights: Path, path: Path) -> list[str]:
    """Writes the network of a weights file as ONNX; the names of its outputs.

    Of a Siamese network and of a correlation filter: "stage0", "stage1", ... of "images" of any number and size. Of
    TransT: "logits" and "boxes" of "template" and "search". The metadata "spec" is the run's, in JSON.
    Raises `UsageError` without the packages onnx and onnxscript.
    """
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise UsageError("ONNX files need the packages onnx and onnxscript: pip install onnx onnxscript")
    spec, network = weights_spec(weights), read_weights(weights, Compute(torch.device("cpu"), False)).eval()
    if hasattr(network, "match"):
        size = spec.search_size
        inputs = {"template": torch.zeros(1, 3, size // 2, size // 2), "search": torch.zeros(1, 3, size, size)}
        outputs, shapes = ["logits", "boxes"], None
    else:
        network = Stages(network.backbone)
        inputs, outputs = {"images": torch.zeros(2, 3, 255, 255)}, [f"stage{i}" for i in range(network.last + 1)]
        free = torch.export.Dim.DYNAMIC
        shapes = {"images": {0: free, 2: free, 3: free}}
    _export(network, inputs, outputs, shapes, spec, path)
    return outputs


def _export(network: nn.Module, inputs: dict, outputs: list[str], shapes, spec: RunSpec, path: Path) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages that no network here needs
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            network, tuple(inputs.values()), input_names=[*inputs], output_names=outputs, dynamic_shapes=shapes,
            dynamo=True, verbose=False,
        )  # fmt: skip
    program.model.metadata_props["spec"] = json.dumps(spec.model_dump(mode="json"))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    program.save(temporary)
    os.replace(temporary, path)
