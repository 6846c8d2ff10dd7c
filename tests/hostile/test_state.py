"""The run store, checkpoints and weights when they are damaged, crafted, or somebody else's."""

import fcntl
import json
import os
import subprocess

import pytest
import torch
from safetensors.torch import save_file
from world import RUN, STORED, TINY, TRACK, WEIGHTS, check, contents, flip, half, put

from socl_core.runs.spec import make_spec
from socl_core.runs.weights import read_tensors, save_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

JSON = ("", "{", "null", "3", "[]", '"x"', "{}", "[" * 99_999, '{"state": []}', '{"spec": 3}', '{"spec": {}}',
        '{"code": 3}', '{"data": []}', '{"mean": 3}', '{"mean": {"composite": 3}}', "NaN", "\x1b[31m",
        '{"protocol": 3, "method": []}', '{"a": ' + 5000 * "9" + "}")  # fmt: skip
FILES = ("spec.json", "state.json", "identity.json", "result.json", "log.jsonl")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", range(len(JSON)))
def test_a_damaged_run_hides_no_other_and_stops_no_command(world, file, content):
    put(world / STORED / file, JSON[content])
    (world / "runs/smoke/ffffffffffff").mkdir()
    put(world / "runs/smoke/ffffffffffff/spec.json", (world / "w/spec.json").read_text())
    assert "ffffffffffff" in check(world, "status --json", "", 0)
    check(world, "status", "ffffffffffff", 0)
    check(world, "table 2 --protocol smoke", "880h", 0)
    check(world, f"why {RUN}", "", 0)
    check(world, "gc --yes", "deleted", 0, written="runs/")


@pytest.mark.parametrize("key, value", [
    ("data", {"x/test": "absent"}), ("spec", {"method": "none"}), ("spec", {"method": "mil", "etaa": 3}),
    ("spec", {"method": "mil", "protocol": "none", "test": ["none"]}),
    ("spec", {"method": "socl-siam", "protocol": "smoke", "steps": 2, "init": "gone.pth"}),
    ("spec", {"method": "socl-siam", "protocol": "smoke", "steps": 2, "data": ["otb:/none"]}),
])  # fmt: skip
def test_an_identity_that_leads_nowhere_says_so(world, key, value):
    identity = json.loads((world / STORED / "identity.json").read_text())
    put(world / STORED / "identity.json", json.dumps(identity | {key: value}))
    check(world, f"why {RUN}", "", 0)
    check(world, "status", RUN, 0)


def test_foreign_files_in_the_store_are_left(world):
    put(world / "runs/notes.txt", "mine")
    put(world / "runs/smoke/notes.txt", "mine")
    (world / "runs/smoke/loop").symlink_to("loop")
    (world / "runs/smoke/empty").mkdir()
    for command in ("status", "why 0123", "gc --yes", "table 2 --protocol smoke"):
        check(world, command, "", 0)


def test_gc_takes_a_link_and_leaves_what_the_system_protects(world):
    """Both runs are stale; the folder that one links to is not in the store."""
    half(world / STORED / "identity.json")
    os.rename(world / STORED, world / "elsewhere")
    (world / STORED).symlink_to(world / "elsewhere")
    other = world / "runs/smoke/ffffffffffff"
    put(other / "spec.json", "{}")
    protected = not subprocess.run(["chattr", "+i", other / "spec.json"], capture_output=True).returncode
    try:
        said = check(world, "gc --yes", "1 deleted" if protected else "2 deleted", 2 if protected else 0, "runs/")
        assert not protected or "spec.json stays: Operation not permitted" in said
    finally:
        subprocess.run(["chattr", "-i", other / "spec.json"], capture_output=True)
    assert not (world / STORED).is_symlink() and (world / "elsewhere/result.json").exists()


def test_a_second_start_is_refused_and_overwrites_nothing(world):
    with open(world / "w/lock", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = contents(world)
        check(world, f"train {TINY} --seed 7 --out w", "another process|works on run w")
        assert contents(world) == before
    check(world, f"train {TINY} --seed 7 --out w", "w holds another run (parameter seed")
    check(world, f"train {TINY} --out w", "composite: AUC", 0)


CHECKPOINTS = {
    "a text": lambda path: put(path, "text"),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "other tensors": lambda path: torch.save({"network": {"a": torch.zeros(3)}, "step": 1}, path),
    "a textual step": lambda path: torch.save({"network": {}, "optimiser": {}, "step": "one"}, path),
    "a negative step": lambda path: torch.save({"network": {}, "optimiser": {}, "step": -5}, path),
    "an empty one": lambda path: path.touch(),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_checkpoint_that_is_none_is_set_aside(world, kind):
    expected = (world / WEIGHTS).read_bytes()
    (world / WEIGHTS).unlink()
    (world / "w/result.json").unlink()
    CHECKPOINTS[kind](world / "w/checkpoint.pt")
    check(world, f"train {TINY} --out w", "checkpoint.pt is damaged|checkpoint.pt.damaged|starts again", 0, "w/")
    assert (world / WEIGHTS).read_bytes() == expected and os.path.lexists(world / "w/checkpoint.pt.damaged")


TENSORS = {  # what becomes of good tensors, or of their spec, and what is said of the file
    "nothing": (lambda t: {}, {}, "does not fit"),
    "one too many": (lambda t: t | {"more": torch.zeros(3)}, {}, "does not fit|more"),
    "flat": (lambda t: {n: x.reshape(-1) for n, x in t.items()}, {}, "does not fit"),
    "NaN": (lambda t: {n: x * torch.nan for n, x in t.items()}, {}, "holds NaN or inf"),
    "inf": (lambda t: {n: x + torch.inf for n, x in t.items()}, {}, "holds NaN or inf"),
    "another width": (lambda t: t, {"width": 0.25}, "does not fit"),
    "another backbone": (lambda t: t, {"backbone": "resnet18", "crop": 129}, "does not fit"),
    "a transformer's": (lambda t: t, {"method": "transt"}, "does not fit"),
    "a huge transformer's": (lambda t: t, {"method": "transt", "dim": 4096, "layers": 64, "hidden": 65536}, "not fit"),
    "no network's": (lambda t: t, {"method": "mil"}, "has no network"),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_weights_are_refused_before_anything_is_built(world, kind):
    change, options, words = TENSORS[kind]
    tensors, spec = read_tensors(world / WEIGHTS)
    if options:
        options = dict(options)
        kept = {} if "method" in options else spec.model_dump(exclude={"protocol", "method"})
        spec = make_spec("smoke", options.pop("method", spec.method), **kept | options)
    save_weights(change(tensors), spec, world / "x.safetensors")
    check(world, f"{TRACK} --weights x.safetensors", f"x.safetensors|{words}")
    check(world, "evaluate --data composite --weights x.safetensors", f"x.safetensors|{words}")


SPECS = ("", "[]", "{}", "{", "[" * 99_999, '{"method": "none"}', '{"method": []}', "null",
         '{"method": "transt", "layers": 1e7}', '{"method": "socl-siam", "scales": 1000000}')  # fmt: skip


@pytest.mark.parametrize("text", SPECS)
def test_a_spec_from_elsewhere_is_refused(world, text):
    save_file({"a": torch.zeros(1)}, world / "x.safetensors", {"run": 64 * "0" + text})
    check(world, f"{TRACK} --weights x.safetensors", "x.safetensors is no weights file")


HEADERS = (b"", bytes(8), (2**62).to_bytes(8, "little") + b"{}", (20).to_bytes(8, "little") + b"{" * 20, b"\x80\x04.")


@pytest.mark.parametrize("content", HEADERS)
def test_what_is_no_safetensors_is_no_weights_file(world, content):
    put(world / "x.safetensors", content)
    check(world, f"{TRACK} --weights x.safetensors", "x.safetensors is no weights file")


@pytest.mark.parametrize("at", [9, 200, -9, -2000])
def test_a_flipped_bit_in_weights_is_found(world, at):
    flip(world / WEIGHTS, at)
    check(world, f"{TRACK} --weights {WEIGHTS}", WEIGHTS)
    (world / "w/result.json").unlink()
    check(world, f"train {TINY} --out w", WEIGHTS)


def test_a_flipped_bit_in_cached_frames_is_found(world, template):
    frames = next((template / "cache/frames").glob("*test_0x*.npy"))
    content = frames.read_bytes()
    try:
        flip(frames)
        check(world, f"train {TINY} --seed 9 --out o", f"{frames.name} is damaged|delete it")
    finally:
        frames.write_bytes(content)


def test_two_folders_of_one_name_share_no_boxes(world):
    for name in ("a/b", "a_b"):
        (world / name).mkdir(parents=True)
        (world / name / "Deer").symlink_to(world / "otb/Deer")
    check(world, "train --protocol smoke --method mil --set test=otb:a/b,otb:a_b --out o", "otb:a/b|otb:a_b", 0)
    assert len(list((world / "o/boxes").iterdir())) == 2
