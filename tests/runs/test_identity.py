import ast

import pytest

from socl_core import methods
from socl_core.runs import identity
from socl_core.runs.identity import code_hash, imported_modules, run_code, run_id, run_modules
from socl_core.runs.spec import make_spec

SOURCE = '''"""A module."""
import math

SIDES = 2


def area(w, h):
    """Area of a box."""
    # one side times the other
    if w < 0:
        print("told")
        raise ValueError("no size")
    return w * h


side = dict(title="side", help="a side")
'''


@pytest.fixture
def code_of(tmp_path, monkeypatch):
    """Hash of a package `tiny_pkg` with module `main`, which imports `helper`, of given sources."""
    package = tmp_path / "tiny_pkg"
    package.mkdir()
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    monkeypatch.setattr(identity, "PACKAGES", ("tiny_pkg",))

    def of(main, helper="x = 1\n", other=""):
        (package / "__init__.py").write_text("")
        (package / "main.py").write_text("def late():\n    from tiny_pkg.helper import x\n    return x\n\n\n" + main)
        (package / "helper.py").write_text(helper)
        (package / "other.py").write_text(other)
        forget()
        return code_hash("tiny_pkg.main")

    yield of
    forget()


def forget():
    imported_modules.cache_clear()
    identity._definition_hashes.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# one side times the other", "# w times h"),
        ("Area of a box.", "Its area."),
        ('    """Area of a box."""\n', ""),
        ("w, h", "w,   h"),
        ("def area(w, h):", "def area(w: float, h: float) -> float:"),
        ('ValueError("no size")', 'ValueError(f"{w} is no size of a box")'),
        ('help="a side"', 'help="one of two sides"'),
        ('print("told")', 'print("told again", 2)'),
    ],
)
def test_words_and_layout_do_not_change_the_code_hash(code_of, old, new):
    assert old in SOURCE and code_of(SOURCE.replace(old, new)) == code_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("w * h", "w + h"),
        ('    """Area of a box."""\n', "    w = 2 * w\n"),
        ("ValueError", "TypeError"),
        ("SIDES = 2", "SIDES = 3"),
        ("import math", "import cmath as math"),
        ("SIDES = 2", "from tiny_pkg.helper import x as SIDES\n\nSIDES = 2"),
        ('title="side"', 'title="area"'),
    ],
)
def test_what_computes_changes_it(code_of, old, new):
    assert old in SOURCE and code_of(SOURCE.replace(old, new)) != code_of(SOURCE)


def test_what_is_not_imported_does_not_count(code_of):
    first = code_of(SOURCE)
    assert code_of(SOURCE, other="y = 1\n") == first
    assert code_of(SOURCE, helper="x = 2\n") != first  # imported inside a function


def test_a_definition_that_moves_to_another_module_changes_nothing(code_of):
    kept, moved = SOURCE.split("def area")
    moved = f"import math\n\n\ndef area{moved}"
    assert code_of(SOURCE) == code_of("from tiny_pkg.helper import area\n" + kept, helper="x = 1\n" + moved)


def test_what_a_run_executes_is_hashed():
    modules = imported_by(make_spec("laptop", "socl-siam", test=("otb",)))
    for name in ("prior.top", "prior.objectness", "methods.soft_samples", "methods.losses", "methods.training",
                 "scoring.evaluation", "scoring.metrics", "models.alexnet", "trackers.siam", "methods.siam",
                 "methods.crops", "data.annotation", "data.composite", "data.layouts.otb", "geometry"):  # fmt: skip
        assert f"socl_core.{name}" in modules
    assert not any("commands" in name or "book" in name for name in modules)
    assert not {"socl_core.data.layouts.lasot", "socl_core.trackers.mil", "socl_core.methods.transt"} & modules
    assert all(ast.parse(identity.module_path(name).read_text()) for name in modules)


def imported_by(spec):
    return frozenset().union(*map(imported_modules, run_modules(spec)))


def test_a_reworded_docstring_makes_no_run_stale(monkeypatch):
    specs = [make_spec("laptop", method) for method in methods.modules()]
    before, parse = list(map(run_code, specs)), ast.parse

    def reworded(source):
        tree = parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
                node.body[0].value.value = "Other words."
        return tree

    monkeypatch.setattr(identity.ast, "parse", reworded)
    forget()
    assert list(map(run_code, specs)) == before
    forget()


def test_a_run_is_hashed_with_its_own_method_alone(monkeypatch):
    siam, transt = (make_spec("laptop", name) for name in ("socl-siam", "transt"))
    before, hashes = (run_code(siam), run_code(transt)), identity._definition_hashes
    edited = {"socl_core.methods.transt.TransTTraining": "a new option"}
    monkeypatch.setattr(
        identity, "_definition_hashes", lambda name: hashes(name) | (edited if name.endswith("methods.transt") else {})
    )
    assert run_code(siam) == before[0] and run_code(transt) != before[1]


def test_the_code_of_a_method_from_another_package_counts(tmp_path, monkeypatch):
    """Its module, and what that imports of this package."""
    module = tmp_path / "someones_method.py"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(methods, "modules", lambda: {"theirs": "someones_method"})
    hashes = []
    for body in ("x = 1\n", "x = 2\n"):
        module.write_text(f"from socl_core.geometry import crop\n\n{body}")
        forget()
        hashes.append(code_hash("someones_method"))
        assert "socl_core.geometry" in imported_modules("someones_method")
    forget()
    assert hashes[0] != hashes[1]


def test_the_id_follows_every_field_of_the_spec_and_the_code(monkeypatch):
    spec = make_spec("laptop", "socl-siam")
    first = run_id(spec)
    assert first == run_id(make_spec("laptop", "socl-siam")) and len(first) == 12
    changes = {"seed": 1, "eta": 0.2, "steps": 7, "head": True, "tau": 0.2, "share": 0.5, "test_frames": 3}
    ids = {run_id(make_spec("laptop", "socl-siam", **{name: value})) for name, value in changes.items()}
    assert len(ids | {first, run_id(make_spec("laptop", "box-siam"))}) == len(changes) + 2
    monkeypatch.setattr(identity, "code_hash", lambda *modules: "another")
    assert run_id(spec) != first


def test_what_changed_is_named_input_by_input():
    before = {
        "spec": {"lr": 0.1, "old": 1},
        "code": {"a.f": "1", "b.f": "3", "b.moved": "5"},
        "data": {"composite/train": "x"},
    }
    now = {
        "spec": {"lr": 0.2, "new": 1},
        "code": {"a.f": "1", "b.f": "2", "c.moved": "5"},
        "data": {"composite/train": "x"},
    }
    assert identity.changes(before, before) == []
    assert identity.changes(before, now) == [
        "parameter lr changed: 0.1 -> 0.2",
        "parameter new is new",
        "parameter old is not used any more",
        "code of b.f changed",
    ]
