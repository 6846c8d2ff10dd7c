import shutil

import pytest
import world as worlds


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A world without a run, for cases that change nothing."""
    root = tmp_path_factory.mktemp("bare")
    worlds.build(root, run=False)
    return root


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The world that nothing has damaged, with what its run left in the cache."""
    root = tmp_path_factory.mktemp("world")
    worlds.build(root)
    return root


@pytest.fixture
def world(template, tmp_path):
    """A copy of the world, of a test's own; the cache is shared."""
    root = tmp_path / "here"
    shutil.copytree(template, root, ignore=shutil.ignore_patterns("cache"))
    (root / "cache").symlink_to(template / "cache")
    return root
