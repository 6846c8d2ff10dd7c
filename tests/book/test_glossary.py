"""The first use of a term on a page shows its definition; nothing else of the page changes."""

from types import SimpleNamespace

from docutils import nodes

from socl_book.glossary import PAGE, explain_terms

TERMS = {"tracker": "Follows a target.", "GST": "A template.", "95 % interval": "A range."}


def app_with(terms: dict[str, str]):
    """What the extension asks of Sphinx: the glossary page, and addresses between pages."""
    page = nodes.document(None, None)
    for term, definition in terms.items():
        words = nodes.definition("", nodes.paragraph("", definition))
        page += nodes.definition_list_item("", nodes.term("", term, ids=[f"term-{term}"]), words)
    env = SimpleNamespace(get_doctree=lambda name: page, found_docs={PAGE})
    return SimpleNamespace(env=env, builder=SimpleNamespace(get_relative_uri=lambda page, to: f"../{to}.html"))


def explained(*paragraphs: nodes.Element, page: str = "executed/a"):
    tree = nodes.document(None, None)
    tree.extend(paragraphs)
    explain_terms(app_with(TERMS), tree, page)
    return tree


def test_the_first_use_of_each_term_leads_to_its_definition():
    text = "Two trackers and a tracker, with a gst and its 95 % interval."
    tree = explained(nodes.paragraph("", text), nodes.paragraph("", "A Tracker."))
    links = list(tree.findall(nodes.reference))
    assert [(link.astext(), link["reftitle"]) for link in links] == [
        ("tracker", TERMS["tracker"]), ("gst", TERMS["GST"]), ("95 % interval", TERMS["95 % interval"])
    ]  # fmt: skip
    assert links[0]["refuri"] == "../glossary.html#term-tracker"
    assert tree.astext().startswith(text)


def test_headings_links_and_parts_of_words_stay():
    link = nodes.reference("", "the tracker", refuri="x")
    tree = explained(
        nodes.title("", "GST"), nodes.paragraph("", "", link), nodes.paragraph("", "trackerless, GST-like")
    )
    assert list(tree.findall(nodes.reference)) == [link]


def test_the_glossary_and_records_of_runs_stay():
    for page in (PAGE, "records/build-1"):
        assert not list(explained(nodes.paragraph("", "A tracker."), page=page).findall(nodes.reference))
