import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from tiny import CPU

from socl_core.errors import DataError
from socl_core.runs.spec import make_spec
from socl_core.runs.weights import read_weights, resume, save_checkpoint, save_weights, weights_spec


@pytest.fixture
def spec():
    return make_spec("smoke", "random-siam")


@pytest.fixture
def written(tmp_path, spec):
    """A weights file, and the network whose tensors it holds."""
    from socl_core.methods.training import new_network

    network = new_network(spec)
    save_weights(network.state_dict(), spec, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors", network


def test_weights_come_back_with_their_spec(written, spec):
    path, network = written
    assert weights_spec(path) == spec
    for name, tensor in read_weights(path, CPU).state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        weights_spec(path)


@pytest.mark.parametrize("change", [
    lambda content: content.replace(b'window_influence\\":0.176', b'window_influence\\":0.177'),
    lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
])  # fmt: skip
def test_a_changed_parameter_and_one_flipped_bit_are_found(written, change):
    path, content = written[0], written[0].read_bytes()
    path.write_bytes(change(content))
    assert path.read_bytes() != content
    with pytest.raises(DataError, match="its checksum differs"):
        read_weights(path, CPU)


def test_equal_weights_are_equal_bytes(written, spec, tmp_path):
    code = "import sys\nfrom socl_core.runs.weights import *\n"
    code += "save_weights(*read_tensors(Path(sys.argv[1])), Path(sys.argv[2]))"
    again = tmp_path / "again.safetensors"
    subprocess.run([sys.executable, "-c", code, str(written[0]), str(again)], check=True)
    assert again.read_bytes() == written[0].read_bytes()


def test_weights_of_another_network_are_refused(written, tmp_path):
    path, network = written
    spec = make_spec("smoke", "random-siam", width=0.25)
    save_weights(network.state_dict(), spec, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="does not fit the network it names"):
        read_weights(tmp_path / "other.safetensors", CPU)
    save_weights({}, make_spec("smoke", "mil"), tmp_path / "none.safetensors")
    with pytest.raises(DataError, match="has no network"):
        read_weights(tmp_path / "none.safetensors", CPU)


class Counter:
    """What a checkpoint must know of a training: a state that can be put back."""

    compute = CPU

    def __init__(self, step=0, seed=0):
        self.spec = make_spec("smoke", "random-siam", seed=seed)
        self.step = step
        self.fresh = 0

    def __post_init__(self):
        self.fresh, self.step = self.fresh + 1, 0

    def check_finite(self):
        pass

    def state(self):
        return {"step": self.step, "network": torch.zeros(100)}

    def restore(self, state):
        self.step = state["step"]


def test_a_checkpoint_is_gone_on_from(tmp_path):
    path, training = tmp_path / "checkpoint.pt", Counter()
    resume(training, path)
    assert training.step == 0 and not training.fresh
    save_checkpoint(Counter(step=3), path)
    resume(training, path)
    assert training.step == 3


def flip(content):
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:100], flip, lambda c: b"text", lambda c: c + b"x"])
def test_a_damaged_checkpoint_is_set_aside_and_the_training_starts_again(tmp_path, capsys, damage):
    path, training = tmp_path / "checkpoint.pt", Counter(step=7)
    save_checkpoint(training, path)
    path.write_bytes(damage(path.read_bytes()))
    resume(training, path)
    assert training.step == 0 and training.fresh == 1
    assert "is damaged" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt.damaged"]


def test_a_checkpoint_of_another_shape_is_damaged(tmp_path):
    path = tmp_path / "checkpoint.pt"
    training = Counter()
    for state in ({}, {"step": 3}, [1, 2], "text"):
        other = SimpleNamespace(check_finite=lambda: None, state=lambda state=state: state, spec=training.spec)
        save_checkpoint(other, path)
        training = Counter()
        training.restore = lambda state: json.dumps(state["network"])
        resume(training, path)
        assert training.fresh == 1 and not path.exists()


def test_a_checkpoint_of_another_run_or_a_folder_in_its_place_is_set_aside(tmp_path):
    path = tmp_path / "checkpoint.pt"
    for make in (lambda: save_checkpoint(Counter(step=3, seed=1), path), path.mkdir, lambda: path.symlink_to(path)):
        make()
        training = Counter()
        resume(training, path)
        assert training.fresh == 1 and [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt.damaged"]


def test_a_hostile_checkpoint_executes_nothing(tmp_path):
    path, mark = tmp_path / "checkpoint.pt", tmp_path / "mark"

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {mark}",)

    training = Counter()
    hostile = SimpleNamespace(check_finite=lambda: None, state=lambda: {"step": Hostile()}, spec=training.spec)
    save_checkpoint(hostile, path)
    resume(training, path)
    assert training.fresh == 1 and not mark.exists()
