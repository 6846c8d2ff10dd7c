"""The trackers of the package beside others: one set of targets, and the numbers that the model card has."""

import json

import pytest

from socl_book.peers import cost, peers_html, read_peers
from socl_book.records import RECORDED
from socl_core.commands.options import SHIPPED


def test_all_are_on_the_same_targets_and_best_first():
    rows = read_peers()
    assert len({tuple(sorted(row["targets"])) for row in rows.values()}) == 1
    means = [row["auc"].mean for row in rows.values()]
    assert means == sorted(means, reverse=True) and {row["labels"] for row in rows.values()} == {
        "boxes",
        "clicks",
        "none",
    }
    assert all((row["by"] == "run here") == ("fps" in row) for row in rows.values())
    assert peers_html().count("<tr>") == len(rows) + 1


@pytest.mark.parametrize("name", SHIPPED)
def test_the_packages_trackers_score_as_the_model_card_says(name):
    card = json.loads((RECORDED / "shipped" / f"{name}.otb.json").read_text())
    assert read_peers()[name]["auc"].mean == pytest.approx(100 * card["auc"], abs=0.05)


def test_a_tracker_of_the_package_costs_a_click_a_frame():
    paid = cost("socl-cf")
    assert paid["videos"] < paid["clicks"] and paid["seconds"] > 0
