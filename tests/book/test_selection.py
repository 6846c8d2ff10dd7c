"""Parameters are chosen on dev splits only."""

import pytest

from socl_book.selection import candidates
from socl_core.errors import UsageError


def test_every_combination_is_tried_once_a_seed_on_dev_splits():
    found = candidates(
        "smoke", "socl-siam", {"lr": [0.1, 0.2], "tau": [0.3]}, [0, 4], ["composite", "otb_dev"], {"eta": 0.5}
    )
    assert list(found) == ["lr=0.1, tau=0.3", "lr=0.2, tau=0.3"]
    specs = found["lr=0.2, tau=0.3"]
    assert [spec.seed for spec in specs] == [0, 4]
    assert all((s.lr, s.tau, s.eta, s.split, s.test) == (0.2, 0.3, 0.5, "dev", ("composite", "otb_dev")) for s in specs)


def test_test_data_is_refused():
    with pytest.raises(UsageError, match="otb is test data"):
        candidates("smoke", "socl-siam", {"lr": [0.1]}, [0], ["composite", "otb"], {})


@pytest.mark.parametrize("name, value", [("seed", 1), ("split", "test"), ("test", ["otb"])])
@pytest.mark.parametrize("fixed", [True, False])
def test_what_would_leave_the_dev_splits_is_refused(name, value, fixed):
    choices, changes = ({"lr": [0.1]}, {name: value}) if fixed else ({name: [value]}, {})
    with pytest.raises(UsageError, match=f"{name} cannot be tried"):
        candidates("smoke", "socl-siam", choices, [0], ["composite"], changes)
