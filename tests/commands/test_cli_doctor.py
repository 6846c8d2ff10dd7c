"""`socl doctor` in a healthy place, and in one that is not."""

from layouts import otb_sequence
from program import socl

from socl_core.commands import doctor
from socl_core.models import device


def test_what_is_there_is_told_and_what_is_wrong_ends_with_2(tmp_path, monkeypatch):
    otb_sequence(tmp_path / "otb", "Dog")
    done = socl("doctor", "--data-root", tmp_path, cwd=tmp_path)
    assert done.returncode == 0 and "WRONG" not in done.stdout, done.stdout
    for words in ("Python 3.", "9 frames of H.264", "socl-cf is whole", "otb, composite in", "GB free", "tiny run"):
        assert words in done.stdout
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr(doctor, "NEEDED_GB", 1e9)
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    done = socl("doctor", "--device", "cuda", cwd=tmp_path)
    assert done.returncode == 2
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert [("make room" in line, "use cpu or auto" in line) for line in wrong] == [(True, False), (False, True)]
