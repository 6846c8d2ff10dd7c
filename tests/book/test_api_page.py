"""The page of the Python interface: what it tells is there, and its examples are true."""

import doctest
from importlib import import_module

import pytest

from socl_book.api_page import PUBLIC, api_page


@pytest.mark.parametrize("module", [name for name in PUBLIC if name != "socl_core"])
def test_the_examples_are_true(module):
    assert doctest.testmod(import_module(module)).failed == 0


def test_each_name_is_told_with_its_words():
    sections = api_page().split("\n## ")[1:]
    assert len(sections) == sum(map(len, PUBLIC.values()))
    assert all("```python\n" in each and len(each.split("\n\n")) > 2 for each in sections)
    assert "### `Tracker.update`" in api_page() and sum(">>>" in each for each in sections) > 2
