"""The flags by which commands are told what extracts, links and judges."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kgplatform.cli.output import note
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.facts.judge_model import Judge
    from kgplatform.facts.stages import Tools
    from kgplatform.joint.text_run import TextLinkRun
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.text.encode import TextEncoder
    from kgplatform.text.extract.records import Extractor
    from kgplatform.text.extract.schema import Schema
    from kgplatform.text.llm.cost import MeteredModel
    from kgplatform.training.artifacts import Run

F = TypeVar("F", bound=Callable[..., Any])

EXTRACTORS = ("spacy", "gliner", "llm")

JUDGING = (
    click.option(
        "--schema",
        type=click.Path(path_type=Path),
        help="YAML of labels and relations.  [default: what the graph has]",
    ),
    click.option(
        "--judge", type=click.Path(path_type=Path), help="Judge, as `kgp review fit` writes it."
    ),
    click.option(
        "--run", "runs", multiple=True, help="Run whose model judges, too; several in turn."
    ),
    click.option("--rules", help="Mined rules that judge, too: an id, or `latest`."),
    click.option(
        "--accept", type=click.FloatRange(0, 1), help="Probability from which a fact is accepted."
    ),
    click.option(
        "--reject", type=click.FloatRange(0, 1), help="Probability up to which one is rejected."
    ),
)
EXTRACTING = (
    click.option(
        "--extractor",
        type=click.Choice(EXTRACTORS),
        help="What reads facts.  [default: llm with --llm, else spacy]",
    ),
    click.option(
        "--llm", metavar="MODEL", help="gguf:PATH, hf:NAME, openai:MODEL, an address, or none."
    ),
    click.option("--gliner", metavar="MODEL", help="Folder or name of a GLiNER2 model."),
    click.option("--encoder", help="What reads texts.  [default: that of the graph's, or minilm]"),
    click.option("--names-only", is_flag=True, help="Link and merge by names, without an encoder."),
)


def extraction_options(function: F) -> F:
    """All of the flags, which a command gets as the one argument ``tools``."""
    return _collected(function, (*EXTRACTING, *JUDGING))


def judging_options(function: F) -> F:
    """The flags of the judge alone, likewise."""
    return _collected(function, JUDGING)


def _collected(function: F, options: tuple[Callable[[Any], Any], ...]) -> F:
    names = ["extractor", "llm", "gliner", "encoder", "names_only"]
    names += ["schema", "judge", "runs", "rules", "accept", "reject"]

    @functools.wraps(function)
    def collected(**given: Any) -> Any:
        tools = {name: given.pop(name) for name in names if name in given}
        return function(**given, tools=tools)

    for option in reversed(options):
        collected = option(collected)
    return collected  # type: ignore[return-value]


def opened_tools(
    settings: Settings,
    store: Store,
    graph: str,
    tools: dict[str, Any],
    source: str,
) -> Tools:
    """What the flags name, loaded.

    Args:
        settings: Where runs, rules and caches are.
        store: The database.
        graph: The graph.
        tools: What :func:`extraction_options` collected.
        source: Name of the documents: the answers of a language model are kept for them.

    Raises:
        UsageError: Two flags contradict one another, or a package is missing.
        KGPlatformError: A file, run or model cannot be used.
    """
    from dataclasses import replace

    schema = schema_of(store, graph, tools["schema"])
    encoder = _encoder(store, graph, tools)
    extractor, metered = _extractor(settings, tools, schema, graph, source)
    judging = judging_tools(settings, store, graph, tools, schema, extractor)
    return replace(judging, encoder=encoder, metered=metered)


def judging_tools(
    settings: Settings,
    store: Store,
    graph: str,
    tools: dict[str, Any],
    schema: Schema | None = None,
    extractor: Extractor | None = None,
) -> Tools:
    """What judges, without what extracts."""
    from kgplatform.facts.background import trained_model
    from kgplatform.facts.judge import policy_of
    from kgplatform.facts.stages import Tools
    from kgplatform.joint.text_run import KIND
    from kgplatform.rules.files import find_rules
    from kgplatform.training.artifacts import find_run, load_run

    schema = schema or schema_of(store, graph, tools["schema"])
    runs = [load_run(find_run(settings.kgp_runs, run)) for run in tools["runs"]]
    by_text = [run for run in runs if run.source.get("task") == KIND]
    rules = find_rules(settings.kgp_rules, tools["rules"]) if tools["rules"] else None
    return Tools(
        extractor=extractor or _NoExtractor(),
        schema=schema,
        judge=judge_of(tools["judge"]),
        encoder=None,
        cache=settings.text_cache,
        models=[trained_model(run) for run in runs if run not in by_text],
        text=_text_link(by_text),
        rules=rules,
        policy=policy_of(settings, tools["accept"], tools["reject"]),
    )


def _text_link(runs: Sequence[Run]) -> tuple[TextLinkRun, TextEncoder] | None:
    """The run of links by text among those named, with the encoder that it reads by."""
    from kgplatform.joint.text_run import load_text_link
    from kgplatform.text.encode import load_encoder

    if len(runs) > 1:
        raise UsageError(
            f"runs {runs[0].id} and {runs[1].id} both score links by texts",
            hint="name one of them with --run",
        )
    if not runs:
        return None
    trained = load_text_link(runs[0])
    return trained, load_encoder(trained.encoder, digest=trained.digest)


class _NoExtractor:
    """Stands where nothing is extracted."""

    name = "none"

    def __call__(self, texts: Any, progress: Any) -> Any:
        """Nothing."""
        del texts, progress
        return iter(())


def schema_of(store: Store, graph: str, path: Path | None) -> Schema:
    """The schema of a file, else that which the graph has."""
    from kgplatform.text.extract.schema_file import read_schema

    if path is not None:
        return read_schema(path)
    from kgplatform.store.observed_schema import schema_of_graph

    return schema_of_graph(store, graph)


def judge_of(path: Path | None) -> Judge:
    """The judge of a file, else the one that comes with the package."""
    from kgplatform.facts.judge import default_judge
    from kgplatform.facts.judge_model import load_judge

    return default_judge() if path is None else load_judge(path)


def _encoder(store: Store, graph: str, tools: dict[str, Any]) -> TextEncoder | None:
    from kgplatform.store.texts import active_set_of
    from kgplatform.store.writeback import Target
    from kgplatform.text.encode import DEFAULT_ENCODER, load_encoder

    if tools["names_only"]:
        if tools["encoder"]:
            raise UsageError("--names-only reads no texts", hint="leave it, or leave --encoder")
        return None
    written = active_set_of(store, Target(graph=graph), "text")
    return load_encoder(tools["encoder"] or (written or {}).get("encoder") or DEFAULT_ENCODER)


def _extractor(
    settings: Settings, tools: dict[str, Any], schema: Schema, graph: str, source: str
) -> tuple[Extractor, MeteredModel | None]:
    llm = None if tools["llm"] in (None, "none") else tools["llm"]
    name = tools["extractor"] or ("llm" if llm else "gliner" if tools["gliner"] else "spacy")
    if (name == "llm") != (llm is not None):
        raise UsageError(
            "--extractor llm and --llm MODEL go together",
            hint="name the model: --llm gguf:PATH, hf:NAME, openai:MODEL or an address",
        )
    if llm is not None:
        from kgplatform.text.extract.llm_extractor import llm_extractor
        from kgplatform.text.llm.load import load_model

        model = load_model(llm, _answers_folder(settings, graph, source), settings)
        # What it writes is snapped to the schema afterwards, or proposed, or left out.
        return llm_extractor(model, schema, free_relations=True), model
    if name == "gliner":
        from kgplatform.text.extract.gliner_extractor import gliner_extractor

        if not tools["gliner"]:
            raise UsageError("no GLiNER2 model", hint="name a folder or model with --gliner")
        return gliner_extractor(schema, model=tools["gliner"]), None
    if tools["llm"] is None:
        note("facts by rules over spaCy's parse; a language model finds more: --llm MODEL")
    from kgplatform.text.extract.spacy_extractor import spacy_extractor

    return spacy_extractor(schema), None


def _answers_folder(settings: Settings, graph: str, source: str) -> Path:
    """Where a model's answers are kept: those for the same documents into the same graph."""
    import hashlib

    named = hashlib.sha256(f"{graph}\0{source}".encode()).hexdigest()[:16]
    return settings.kgp_runs / "answers" / named
