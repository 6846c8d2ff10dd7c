"""The wheel, installed outside of the repository, as a user has it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import pytest
from moving import video
from program import ROOT

from socl_core.data.video import write_clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
TINY = "--protocol smoke --set videos=4 --set steps=2 --set test_videos=1 --set test_frames=3"
LINES = (
    f"train {TINY} --init socl-siam --out mine",
    "track --weights mine/weights.safetensors --frames my --point 84,64 --out boxes.csv --render-start start.png",
    "compare --frames my --init 70,50,30,30 --out report.html",
    "evaluate --data composite --split dev --sequences dev_000",
    "top --image my/0.png --point 84,64 --out top.png",
    "data click",
    "data frames clip.mp4 --out cut",
    "parameters --method socl-cf --protocol paper",
    "status",
    "gc --yes",
    "table 2 --protocol smoke",
)


@pytest.fixture(scope="module")
def environment():
    """The variables of a user who has set none of ours, nor of Python's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SOCL", "PYTHON", "XDG"))}


@pytest.fixture(scope="module")
def installed(tmp_path_factory, environment):
    """Python and packages of an environment with the wheel; what that needs comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    source, python = folder / "source", folder / "venv/bin/python"
    for package in ("socl_core", "socl_book"):  # setuptools builds beside the code
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = f"{sys.executable} -m pip -q --disable-pip-version-check"
    for command in (
        f"{pip} wheel --no-deps --no-build-isolation -w {folder} {source}",
        f"{sys.executable} -m venv --without-pip {folder / 'venv'}",
        f"{pip} --python {python} install --no-deps {folder}/socl_book-0.1.0-py3-none-any.whl",
    ):
        subprocess.run(command.split(), check=True, env=environment, cwd=folder)
    shutil.rmtree(source)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    # A path file of a path file is not read: a development install of the packages stays out of sight.
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python, site


def files(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_the_commands_work_from_the_wheel_and_write_nothing_beside_it(installed, environment, tmp_path):
    (python, site), home, work = installed, tmp_path / "home", tmp_path / "work"
    (work / "my").mkdir(parents=True)
    for number, image in enumerate(images := video(4)[0]):
        cv2.imwrite(str(work / f"my/{number}.png"), image)
    write_clip(work / "clip.mp4", images)
    before = files(site)
    assert site / "socl_core/weights/socl-cf.safetensors" in before
    for line in LINES:
        done = subprocess.run([python.parent / "socl", *line.split()], cwd=work, env=environment | {"HOME": str(home)},
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)
    assert files(site) == before
    assert {path.name for path in work.iterdir()} == {
        "my", "mine", "clip.mp4", "cut", "boxes.csv", "start.png", "report.html", "top.png", "click.html",
    }  # fmt: skip
    assert list(home.rglob("socl/crops/*"))
