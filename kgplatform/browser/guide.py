"""The guide that Browser plays: a walk through what a graph holds, each query run by a click."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from kgplatform.browser import style
from kgplatform.browser.contents import Contents
from kgplatform.browser.html import command, escape, link, paragraph, runnable, shown_table, slide

LISTED = 12
FEW = 15
"""Links that are drawn at once: so many can be read."""


def guide(contents: Contents, base: str) -> str:
    """The guide of a graph as the HTML that ``:play`` and ``:guide`` take.

    Whatever the graph's names hold stays text. Parts that the graph does not have are said by the
    command that makes them.

    Args:
        contents: What the graph holds.
        base: Address of the server that the guide comes from, for links to itself.
    """
    title = f"kgplatform, {contents.graph}" if contents.graph else "kgplatform"
    slides = "\n".join(each(contents, base) for each in SLIDES)
    return (
        f"<title>{escape(title)}</title>\n"
        f'<article class="guide">\n<carousel class="deck container-fluid">\n{slides}\n'
        "</carousel>\n</article>\n"
    )


def guide_address(base: str, graph: str) -> str:
    """The address of a graph's guide."""
    return f"{base}/guide.html?graph={quote(graph, safe='')}"


def _what_is_in_here(contents: Contents, base: str) -> str:
    if not contents.graph:
        return slide(
            "Nothing is in here yet",
            paragraph("This database has no graph of kgplatform. One of these makes one:"),
            command("kgp demo"),
            command("kgp load FILES --graph NAME"),
        )
    counted = [[escape(name), f"{number:,}"] for name, number in contents.counts if number]
    address = guide_address(base, contents.graph)
    beside = link(f"guide {address}", "keep this guide beside the results")
    parts = [
        paragraph(
            f"Graph <b>{escape(contents.graph)}</b>. The arrow beside a query runs it; "
            f"its text puts it into the editor. You can {beside}."
        ),
        shown_table(["what", "how many"], counted),
        runnable("count_types", contents),
        runnable("show_graph", contents),
    ]
    others = [name for name, _ in contents.graphs if name != contents.graph]
    if others:
        named = ", ".join(
            link(f"play {guide_address(base, name)}", escape(name)) for name in others[:LISTED]
        )
        parts.append(paragraph(f"Guides of the other graphs: {named}."))
    return slide("What is in here", *parts)


def _schema(contents: Contents, _base: str) -> str:
    if not contents.relations:
        return ""
    rows = [[escape(name), f"{facts:,}"] for name, facts in contents.relations[:LISTED]]
    more = len(contents.relations) - len(rows)
    return slide(
        "Schema",
        shown_table(["relation", "facts"], rows),
        paragraph(f"and {more:,} more") if more > 0 else "",
        runnable("show_schema", contents),
        runnable("count_relations", contents),
        runnable("rank_entities", contents),
    )


def _entity(contents: Contents, _base: str) -> str:
    if not contents.examples:
        return ""
    shown, *others = contents.examples
    parts = [
        paragraph(f"<b>{escape(shown.name)}</b> has {shown.facts:,} facts."),
        runnable("show_entity", contents),
    ]
    if others:
        parts += [
            paragraph(f"What joins it to <b>{escape(others[0].name)}</b>, and what both have:"),
            runnable("find_path", contents),
            runnable("compare_entities", contents),
        ]
    return slide("An entity and its facts", *parts)


def _vectors(contents: Contents, _base: str) -> str:
    title = "Nearest by vectors"
    if not contents.active:
        graph = quoted(contents.graph)
        return slide(
            title,
            paragraph("No vectors are in this graph yet. A training and a writing make them:"),
            command(f"kgp train distmult --graph {graph} && kgp write latest"),
            paragraph("or, of what names and descriptions say:"),
            command(f"kgp encode --graph {graph} --write"),
        )
    rows = [
        [escape(each.kind), escape(each.run), escape(each.property), f"{each.dimension:,}"]
        for each in contents.active
    ]
    return slide(
        title,
        shown_table(["kind", "run", "property", "numbers"], rows),
        runnable("find_nearest", contents),
        runnable("find_surprising_facts", contents),
        runnable("find_unembedded", contents),
    )


def _predicted(contents: Contents, _base: str) -> str:
    title = "Predicted beside asserted"
    if contents.link is None:
        return slide(
            title,
            paragraph("No links are predicted yet. A run predicts them:"),
            command("kgp predict latest --top-k 50 --write"),
        )
    found = contents.link
    said = f"{found.head} {found.relation} {found.tail}"
    asserted, predicted = _swatch(style.ASSERTED), _swatch(style.PREDICTED)
    about = {"entity": found.head}
    return slide(
        title,
        paragraph(
            f"{asserted} asserted facts; {predicted} predicted links, with the relation that each "
            "stands for, its run and its confidence. The surest of "
            f"{contents.count('predicted'):,}: <b>{escape(said)}</b> ({found.confidence:.2f})."
        ),
        runnable("show_predicted", contents, run=found.id, limit=FEW),
        runnable("show_predictions", contents, **about),
        runnable("show_relation", contents, relation=found.relation, **about),
        runnable("list_predictions", contents),
    )


def _candidates(contents: Contents, _base: str) -> str:
    title = "What texts say"
    if contents.candidate is None:
        graph = quoted(contents.graph)
        return slide(
            title,
            paragraph("No facts were read out of texts yet. Documents give them:"),
            command(f"kgp schema {graph} > schema.yaml"),
            command(f"kgp extract DOCUMENTS --graph {graph} --schema schema.yaml"),
        )
    found = contents.candidate
    said = f"{found.head} {found.relation} {found.tail}"
    return slide(
        title,
        paragraph(
            f"{_swatch(style.CANDIDATE)} candidates with the passages that state them: "
            f"{contents.count('accepted'):,} accepted, {contents.count('staged'):,} wait for you, "
            f"{contents.count('rejected'):,} rejected. One: <b>{escape(said)}</b> "
            f"({found.confidence:.2f})."
        ),
        runnable("show_candidate", contents),
        runnable("list_candidates", contents),
        runnable("show_candidates", contents, limit=10),
        paragraph("Decide by a click and a second one on the editor's arrow, then take it over:"),
        runnable("decide_candidate", contents),
        command(f"kgp review apply --graph {quoted(contents.graph)}"),
    )


def _explained(contents: Contents, _base: str) -> str:
    parts = []
    if contents.link is not None:
        parts += [
            paragraph("Why a predicted link may hold: what lies between its ends."),
            runnable("explain_prediction", contents, entity=contents.link.head),
        ]
    if contents.count("rules"):
        parts.append(runnable("list_rules", contents))
    answered = next((each.id for each in contents.runs if each.answers), None)
    if answered is not None:
        parts += [
            paragraph(f"{_swatch(style.ANSWER)} answers with the ways that lead to them:"),
            runnable("show_answers", contents, run=answered),
        ]
    if not parts:
        graph = quoted(contents.graph)
        parts = [
            paragraph("Nothing is explained yet. Rules say why, and so do the ways of a walker:"),
            command(f"kgp rules --graph {graph} --write"),
            command("kgp explain HEAD RELATION --write"),
        ]
    return slide("Why", *parts)


def _sources(contents: Contents, _base: str) -> str:
    if not contents.examples:
        return ""
    parts = [
        paragraph("Each fact says who claims it; what a run found says which run, and how sure."),
        runnable("list_sources", contents),
    ]
    if contents.runs:
        rows = [
            [
                escape(run.id),
                escape(run.model),
                "" if run.mrr is None else f"{run.mrr:.3f}",
                f"{run.predicted:,}",
            ]
            for run in contents.runs[:LISTED]
        ]
        parts += [
            shown_table(["run", "model", "MRR (test)", "predicted"], rows),
            runnable("list_runs", contents),
            paragraph("All that a run wrote comes out again, and nothing else:"),
            command(f"kgp undo {quoted(contents.runs[0].id)}"),
        ]
    return slide("Where facts come from, and the way back", *parts)


def _colours(contents: Contents, base: str) -> str:
    if not contents.graph:
        return ""
    legend = [
        [_swatch(color), escape(caption)]
        for color, caption in (
            (style.ASSERTED, "asserted: the type is the relation"),
            (style.PREDICTED, "predicted: the caption is the relation"),
            (style.CANDIDATE, "stated by a text and not yet decided on, or with its evidence"),
            (style.ANSWER, "an answer and its ways"),
        )
    ]
    return slide(
        "Colours, and queries to keep",
        shown_table(["", "what"], legend),
        paragraph(
            "Entities have a colour for each type. If you changed the style, "
            f"{link(f'style {base}/style.json', 'take this one again')}."
        ),
        paragraph(
            "To keep the queries, drag this file into Browser: "
            f'<a href="{base}/queries.zip">queries.zip</a>; the Query tab imports '
            f'<a href="{base}/queries.csv">queries.csv</a>.'
        ),
    )


SLIDES: tuple[Callable[[Contents, str], str], ...] = (
    _what_is_in_here,
    _schema,
    _entity,
    _vectors,
    _predicted,
    _candidates,
    _explained,
    _sources,
    _colours,
)


def quoted(name: str) -> str:
    """A name as a shell takes it."""
    import shlex

    return shlex.quote(name)


def _swatch(color: str) -> str:
    return f'<span style="color: {color}">&#9632;</span>'
