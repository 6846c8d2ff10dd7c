"""`socl prior` and `socl objectness` with the arguments a user types."""

import json

import pytest
from layouts import got10k_split
from program import socl


@pytest.fixture(scope="module")
def got10k(tmp_path_factory):
    """A folder in GOT-10k's layout: two training videos of three frames, one of validation."""
    root = tmp_path_factory.mktemp("got10k")
    got10k_split(root, "train")
    got10k_split(root, "val", names=("v",))
    return root


def test_build_goes_on_where_it_was(got10k, tmp_path):
    command = ("prior", "build", "--data", f"got10k:{got10k}", "--workers", 1)
    first, again = (socl(*command, cwd=tmp_path) for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr
    assert "2 of 2 videos computed now" in first.stdout and "0 of 2 videos computed now" in again.stdout
    assert "MB in cache/priors/" in first.stdout
    kept = list(tmp_path.glob("cache/priors/*/*.npz"))
    assert len(kept) == 2
    kept[0].write_bytes(b"")
    assert "1 of 2 videos computed now" in socl(*command, cwd=tmp_path).stdout
    fewer = socl(*command, "--videos", 1, "--frames", 2, cwd=tmp_path)
    assert "1 of 1 videos computed now" in fewer.stdout  # another training set, kept apart


def test_score_prints_one_json_object(got10k, tmp_path):
    arguments = ("prior", "score", "--data", f"got10k:{got10k}", "--split", "val", "--json")
    done = socl(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"in_box_mass", "gaussian_in_box_mass", "size_error", "seconds_per_crop", "sampling"} <= found.keys()
    assert 0 < found["in_box_mass"] <= 1 and found["n"] == 3
    oracle = json.loads(socl(*arguments, "--prior", "oracle", "--scale", "box", cwd=tmp_path).stdout)
    assert oracle["in_box_mass"] == pytest.approx(1) and oracle["size_error"] == pytest.approx(0)
    words = socl(*arguments[:-1], "--cues", "ss", "--frames", 1, cwd=tmp_path).stdout
    assert words.splitlines()[0].startswith("in_box_mass") and words.splitlines()[-1].split() == ["n", "1"]


@pytest.mark.parametrize("arguments, words", [
    (["prior", "build", "--data", "otbb"], ["otbb", "did you mean 'otb'"]),
    (["prior", "build", "--data", "got10k:nowhere"], ["missing", "nowhere"]),
    (["prior", "build", "--data", "composite", "--split", "trian"], ["did you mean 'train'"]),
    (["prior", "build", "--data", "composite", "--workers", "0"], ["workers"]),
    (["prior", "score", "--eta", "nan"], ["0 < eta <= 1"]),
    (["prior", "score", "--cues", "ms,css"], ["css", "did you mean"]),
    (["prior", "score", "--scale", "windo"], ["did you mean 'window'"]),
    (["prior", "score", "--frames", "0"], ["frames"]),
])  # fmt: skip
def test_bad_input_exits_with_2_and_says_why(arguments, words, tmp_path):
    done = socl(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())
