"""Weights and checkpoints on disk, each with a checksum: what was written is what is read, or an error says so."""

import hashlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from socl_core.data.files import write_atomic
from socl_core.data.reading import open_regular, read_bytes
from socl_core.errors import DataError, SoclError, cause
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.runs.spec import read_spec

DIGEST = hashlib.sha256().digest_size
MOST_BYTES = 1 << 36  # of a checkpoint; a run wrote it


def save_weights(tensors: dict[str, torch.Tensor], spec: RunSpec, path: Path) -> None:
    """Tensors with what is needed to rebuild the network and its tracker, as safetensors; atomic."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = spec.model_dump_json()
    # One entry: of several, safetensors writes another order in each process, and equal runs would differ in bytes.
    write_atomic(path, save(tensors, {"run": _digest(tensors, text) + text}))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], RunSpec]:
    """The tensors of a weights file and the spec of the run that wrote it.

    Raises `DataError` for a file that is missing, damaged, of another program, or with numbers that are not finite.
    """
    spec = weights_spec(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            digest, text = _split(file)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:  # such as of a type that torch has not
        raise DataError(f"{path} is damaged: {cause(error)}; train again, or copy it again") from error
    if digest != _digest(tensors, text):
        raise DataError(f"{path} is damaged: its checksum differs; train again, or fetch the file again")
    if bad := [name for name, tensor in tensors.items() if not tensor.double().isfinite().all()]:
        raise DataError(f"{path}: tensor {bad[0]} holds NaN or inf; train again with a lower lr")
    return tensors, spec


def read_weights(path: Path, compute: Compute) -> nn.Module:
    """The network in a weights file. Raises `DataError` as `read_tensors`, and where it does not fit its spec."""
    tensors, spec = read_tensors(path)
    if not spec.network:
        raise DataError(f"{path} names the method {spec.method}, which has no network; choose another file")
    with torch.device("meta"):  # of any size it takes no memory, and the spec of a file is not to be trusted
        expected = {name: tensor.shape for name, tensor in spec.network().state_dict().items()}
    if bad := {n for n in expected.keys() | tensors.keys() if n not in tensors or tensors[n].shape != expected.get(n)}:
        raise DataError(f"{path} does not fit the network it names: tensor {min(bad)} is missing or of another shape")
    network = spec.network()
    network.load_state_dict(tensors)
    return compute.module(network).eval()


def weights_spec(path: Path) -> RunSpec:
    """The spec of the run that wrote a weights file. Raises `DataError` for any other file."""
    try:
        with open_regular(path), safe_open(path, "pt") as file:
            return read_spec(json.loads(_split(file)[1]))
    except (SafetensorError, SoclError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is no weights file of this package ({cause(error)}); expected safetensors written by `socl train`"
        ) from error


def save_checkpoint(training, path: Path) -> None:
    """The state of a `Training` behind its checksum; atomic, and always one to go on from."""
    training.check_finite()
    content = io.BytesIO()
    torch.save(training.state(), content)
    write_atomic(path, _checksum(training, content.getvalue()) + content.getvalue())


def resume(training, path: Path) -> None:
    """Puts a `Training` where its checkpoint was; a damaged checkpoint is named, set aside, and it starts again."""
    if not os.path.lexists(path):
        return
    try:
        content = read_bytes(path, MOST_BYTES)
        if _checksum(training, content[DIGEST:]) != content[:DIGEST]:
            raise ValueError("its checksum differs")
        where = training.compute.device
        training.restore(torch.load(io.BytesIO(content[DIGEST:]), map_location=where, weights_only=True))
    except Exception as error:  # of one with other contents torch may raise nearly anything
        aside = path.with_name(f"{path.name}.damaged")
        if os.path.lexists(aside):  # an earlier one
            shutil.rmtree(aside) if aside.is_dir() and not aside.is_symlink() else aside.unlink()
        path.replace(aside)
        print(
            f"socl: {path} is damaged ({cause(error)}), kept as {aside.name}; the training starts again",
            file=sys.stderr,
        )
        training.__post_init__()


def _checksum(training, content: bytes) -> bytes:
    """Of the content of a checkpoint and of the spec that it belongs to."""
    return hashlib.sha256(training.spec.model_dump_json().encode() + content).digest()


def _split(file) -> tuple[str, str]:
    """Checksum and spec in the metadata of an open weights file."""
    entry = file.metadata()["run"]
    return entry[: 2 * DIGEST], entry[2 * DIGEST :]


def _digest(tensors: dict[str, torch.Tensor], spec: str) -> str:
    digest = hashlib.sha256(spec.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
