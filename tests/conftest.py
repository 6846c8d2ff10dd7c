import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow now and then; that is no failure. The same cases each time: pytest --hypothesis-profile=explore
# draws others.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("patient")
os.environ["SOCL_CACHE"] = "cache"  # below the working folder, which is a test's own


@pytest.fixture
def data_root() -> Path:
    """The folder of real data: SOCL_DATA, else ../shared/data beside the checkout."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("SOCL_DATA") or beside)
    if not root.is_dir():
        pytest.skip(f"real data needed: set SOCL_DATA to its folder (looked for {root})")
    return root
