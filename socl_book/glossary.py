"""A Sphinx extension: the first use of each term of the glossary on a page shows its definition and leads to it."""

import re

from docutils import nodes

PAGE = "glossary"


def glossary(env) -> dict[str, tuple[str, str]]:
    """Terms of the glossary page, in lower case: to their anchor and their definition."""
    return {
        term.astext().lower(): (term["ids"][0], item.next_node(nodes.definition).astext())
        for item in env.get_doctree(PAGE).findall(nodes.definition_list_item)
        for term in item.findall(nodes.term)
    }


def explain_terms(app, doctree, page: str) -> None:
    """Make the first use of each term in the paragraphs of a page a link with its definition as hover text."""
    if page == PAGE or page.startswith("records/") or PAGE not in app.env.found_docs:
        return
    unseen = glossary(app.env)
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.paragraph):
            text.parent.replace(text, list(_explained(text.astext(), unseen, app.builder.get_relative_uri(page, PAGE))))


def _explained(text: str, unseen: dict, address: str):
    """Pieces of a text: plain ones, and a link for each term that it is the first to use, which is unseen no more."""
    words = "|".join(sorted(map(re.escape, unseen), key=len, reverse=True))
    while unseen and (found := re.search(rf"\b({words})(?=s?\b)(?![-/.]\w)", text, re.I)):
        anchor, definition = unseen.pop(found[0].lower())
        yield nodes.Text(text[: found.start()])
        yield nodes.reference(
            "", found[0], internal=True, refuri=f"{address}#{anchor}", reftitle=definition, classes=["term"]
        )
        text = text[found.end() :]
        words = "|".join(sorted(map(re.escape, unseen), key=len, reverse=True))
    yield nodes.Text(text)


def _once(app, page, template, context, doctree) -> None:
    """Two extensions of jupyter-book declare the same constant, which is an error on every page: drop both."""
    context["script_files"] = [file for file in context["script_files"] if "THEBE_JS_URL" not in str(vars(file))]


def setup(app) -> dict:
    app.connect("doctree-resolved", explain_terms)
    app.connect("html-page-context", _once, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
