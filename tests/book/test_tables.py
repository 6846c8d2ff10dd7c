"""Tables as data: what the files of socl_book/tables say, and what is wrong with one that does not fit together."""

import re
from pathlib import Path

import pytest

from socl_book.tables import all_claims, all_tables, find_table, read_table, tables_read_by, wanted_specs
from socl_book.verdicts import gains
from socl_core import data
from socl_core.errors import DataError
from socl_core.runs.spec import make_spec, protocols

TOY = """
title: A toy
pages: [toy]
section: Toy
columns: {plain: {}, headed: {changes: {head: true}}}
rows:
  Ours: {method: socl-siam, paper: [50.0, 40.0]}
  Theirs: {method: mil, columns: [plain], build: false}
claims:
  - {text: "a head harms, {margin} or less", above: [Ours, plain], below: [Ours, headed], margin: 1.5}
  - {text: "above in {column}", above: Ours, below: Theirs}
"""


@pytest.fixture
def toy(tmp_path):
    """toy(old, new) -> a file with the toy table, one text replaced."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in TOY
        path = tmp_path / "toy.yaml"
        path.write_text(TOY.replace(old, new, 1))
        return path

    return write


def test_one_file_is_a_table_with_its_claims(toy):
    table = read_table(toy())
    assert [(cell.row, cell.column, cell.paper, cell.build) for cell in table.cells] == [
        ("Ours", "plain", 50.0, True), ("Ours", "headed", 40.0, True), ("Theirs", "plain", None, False)
    ]  # fmt: skip
    head, above = table.claims
    assert (head.section, head.text, head.margin, head.paper) == ("Toy", "a head harms, 1.5 or less", 1.5, 10.0)
    rows = [cell.row for cell in (*above.above, *above.below)]
    assert (above.text, rows, above.paper) == ("above in plain", ["Ours", "Theirs"], None)
    spec = table.cell("Ours", "headed").spec("smoke", 3)
    assert (spec.head, spec.seed) == (True, 3)


@pytest.mark.parametrize(
    "old, new, cause",
    [
        ("title: A toy", "", "title"),
        ("title:", "titel: x\ntitle:", "titel"),
        ("build: false", "bild: false", "bild"),
        ("[50.0, 40.0]", "[50.0]", "argument 2 is shorter"),
        ("columns: [plain]", "columns: [plane]", "plane"),
        ("method: mil, ", "", "method"),
        ("[Ours, plain]", "[Ours, plane]", "plane"),
        ("above: Ours", "above: Our", "Our and Theirs"),
        ("[Ours, headed]", "Ours", "below"),
        ("above: Ours, ", "", "below"),
        ("section: Toy", "base: nothing", "nothing"),
        ("{text:", "text:", ""),
        (TOY, "just words", ""),
        (TOY, "", ""),
    ],
)
def test_a_file_that_does_not_fit_together_is_named_with_the_cause(toy, old, new, cause):
    with pytest.raises(DataError, match=f"toy.yaml.*{cause}"):
        read_table(toy(old, new))


@pytest.mark.parametrize("protocol", protocols())
def test_every_cell_has_a_spec_at_every_protocol(protocol):
    for table in all_tables().values():
        shown = [(cell.spec(protocol, 0), cell.metric, cell.test_set) for cell in table.cells]
        if protocol == "laptop":  # elsewhere a row of the recipe may be what the protocol has
            assert len(set(shown)) == len(shown), "two cells with the same number"


def test_the_tables_hold_the_papers_numbers():
    """As in the supplement. [S]"""
    paper = {
        name: {row: [cell.paper for cell in table.cells if cell.row == row and cell.paper] for row in table.rows}
        for name, table in all_tables().items()
    }
    paper = {name: {row: numbers for row, numbers in rows.items() if numbers} for name, rows in paper.items()}
    assert {name: rows for name, rows in paper.items() if rows} == {
        "1": {
            "TransT": [59.1, 68.0, 51.9, 72.4, 76.4, 67.1, 48.9, 50.1, 46.8],
            "SoCL-TransT": [62.2, 72.4, 52.5, 75.0, 80.5, 71.1, 56.0, 59.0, 56.9],
        },
        "2": {"Box-Siam": [52.2, 54.3, 58.1, 58.8], "SoCL-Siam": [56.7, 58.2, 59.8, 60.9]},
        "3": {"SoCL-Siam": [60.9, 49.5], "SoCL-CF": [68.8, 69.6]},
        "4": {"SoCL-Siam": [60.0, 60.9, 59.5, 59.1]},
    }


def test_claims_say_which_cell_is_above_and_by_how_much_in_the_paper():
    expected = {"2": (3.05, 4.5, 3.9, 1.7, 2.1, 4.2, 6.6, None), "3": (11.4, 0.8), "4": (0.9, 1.4, 1.8)}
    for name, differences in expected.items():
        found = [claim.paper for claim in find_table(name).claims]
        assert [value and round(value, 6) for value in found] == list(differences)


def test_a_pooled_claim_is_about_all_columns_and_they_are_its_details():
    whole, *details = find_table("2").claims[:5]
    assert [(len(whole.above), whole.detail), *((len(claim.above), claim.detail) for claim in details)] == (
        [(4, False)] + 4 * [(1, True)]
    )
    assert whole.above == tuple(claim.above[0] for claim in details)


def test_every_claim_of_the_paper_is_there_once_the_abstracts_last():
    sections = [claim.section for claim in all_claims()]
    count = {section: sections.count(section) for section in dict.fromkeys(sections)}
    assert list(count)[-1] == "abstract" and count == {
        "abstract": 3, "Table 1": 10, "Table 2": 8, "Table 3": 2, "Table 4": 3, "section D": 3, "section E": 2,
    }  # fmt: skip
    assert len({claim.text for claim in all_claims()}) == len(sections)


def test_noise_may_cost_as_much_as_the_papers_lead_of_points_over_boxes():
    lead = find_table("2").cell("SoCL-Siam", "880h").paper - find_table("2").cell("Box-Siam", "880h").paper
    assert [(claim.margin, claim.tag) for claim in find_table("noise").claims] == [(pytest.approx(lead), "A")] * 2


def test_both_conditions_of_a_budget_use_the_same_share_of_the_videos():
    table = find_table("2")
    for column in table.columns:
        shares = {cell.spec("laptop", 0).share for cell in table.cells if cell.column == column and cell.paper}
        assert len(shares) == 1


def test_a_column_is_measured_on_its_benchmark_where_it_is_there_and_else_on_all_sets():
    cell = find_table("1").cell("TransT", "GOT-10k AO")
    assert cell.measured_on("laptop") == ["composite"]
    several = cell.model_copy(update={"changes": {"test": ("composite", "got10k:some/where", "otb")}})
    assert several.measured_on("laptop") == ["got10k:some/where"]
    elsewhere = several.model_copy(update={"benchmark": "lasot"})
    assert elsewhere.measured_on("laptop") == ["composite", "got10k:some/where", "otb"]


@pytest.mark.parametrize(("name", "most"), [("recipe", 1), ("filter", 1), ("twins", 6)])
def test_a_table_of_parts_changes_them_on_development_videos(name, most):
    for row, by_column in gains(find_table(name)).items():
        for claim in by_column.values():
            before, after = (cell.spec("laptop", 0) for cell in (*claim.below, *claim.above))
            assert 1 <= len([name for name, value in after if value != getattr(before, name)]) <= most, row
            assert {data.role(name, data.evaluation_split(name, after.split)) for name in after.test} == {"dev"}


@pytest.mark.parametrize("twins", [("socl-siam", "box-siam"), ("socl-cf", "box-cf")])
@pytest.mark.parametrize(("protocol", "variant"), [("laptop", None), ("laptop", "real"), ("reference", None)])
def test_points_and_boxes_have_the_same_settings(twins, protocol, variant):
    points, boxes = (make_spec(protocol, method, variant).model_dump(exclude={"method"}) for method in twins)
    assert [name for name in points if name in boxes and points[name] != boxes[name]] == []


def test_every_page_of_a_table_is_in_the_book():
    listed = re.findall(r"executed/(\w+)", (Path(__file__).parents[2] / "book/_toc.yml").read_text())
    assert {page for table in all_tables().values() for page in table.pages} <= set(listed)
    assert tables_read_by("claims") == list(all_tables().values())
    assert [table.name for table in tables_read_by("figure1")] == ["2", "section_e"] and tables_read_by("metrics") == []


def test_a_build_leaves_out_what_is_recorded_alone_and_what_has_no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCL_DATA", str(tmp_path))
    table = find_table("4")
    assert len(wanted_specs("smoke", [table])) == 4 and len(wanted_specs("smoke", [table], [0, 1], whole=True)) == 12
    assert wanted_specs("smoke", [find_table("real")], whole=True) == []
