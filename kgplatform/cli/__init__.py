"""The command line: a file a stage; each command parses, calls and prints.

Modules of this package import click alone at their top: everything heavier is imported
inside the command that needs it, so that ``kgp --help`` stays instant.
"""

import errno
import importlib
import logging
import os
import sys
from typing import Any, NoReturn

import click

from kgplatform import __version__
from kgplatform.cli.output import harmless_record, report_error
from kgplatform.errors import KGPlatformError, UnknownNameError

OS_HINTS = {
    errno.ENOSPC: "the disk is full: make room there and repeat",
    errno.EDQUOT: "the disk quota is used up: make room there and repeat",
    errno.EROFS: "this file system is mounted to be read only: name a folder on another one",
    errno.EACCES: "let this user read or write there",
    errno.EPERM: "let this user read or write there",
}

# Command → (module below kgplatform.cli, what `kgp --help` says of it). The text stands
# here, not in the module, so that the list is printed without importing any of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "The whole story on a real graph, in minutes."),
    "up": ("server", "Start this project's local Neo4j."),
    "down": ("server", "Stop this project's local Neo4j."),
    "status": ("server", "Say which Neo4j is used and whether it answers."),
    "doctor": ("server", "Check address, login, version, indexes, GPU; print the fix."),
    "load": ("load", "Load files, RDF, SPARQL, toolkits' data or documents into the graph."),
    "rm": ("load", "Remove a graph from the database."),
    "split": ("split", "Split a graph's facts into train, valid and test, in the graph."),
    "project": ("project", "Named projections: define, show, list or remove them."),
    "export": ("export", "Write a graph or what a query names for another toolkit."),
    "snapshot": ("snapshot", "Freeze a graph or what a query names into a folder."),
    "train": ("train", "Train a model on what a graph or a Cypher query names."),
    "train joint-classify": ("joint_classify", "Learn classes of texts from texts and graph."),
    "train joint-qa": ("joint_qa", "Learn to answer questions about a graph, from examples."),
    "train text-link": ("text_link", "Train links by the texts of entities."),
    "train walker": ("walker", "Train an agent that walks the graph to its answers."),
    "train recommend": ("train_recommend", "Learn what users may like next, and from what."),
    "tune": ("tune", "Search a model's settings by validation MRR."),
    "tune search": ("tune_search", "Learn what each channel of a search counts for."),
    "evaluate": ("train", "Evaluate a run's model again."),
    "runs": ("runs", "List, show, compare or remove runs."),
    "plot": ("plot", "Draw a run's learning curves, relations or vectors."),
    "write": ("write", "Write a run's vectors into the graph, with their index."),
    "encode": ("encode", "Make vectors of texts: names, descriptions, chunks, your own."),
    "link": ("link", "Find which entities texts name, or that none fits."),
    "schema": ("schema", "Print a graph's labels and relations, to extract facts by."),
    "embed-new": ("embed_new", "Give entities that came after a run their vectors."),
    "predict": ("write", "Predict missing links; write them on request."),
    "rules": ("rules", "Mine Horn rules, predict by them, combine them with a model."),
    "paths": ("paths", "Find the shortest or the surest paths between two entities."),
    "match": ("match", "Match a pattern, read-only, and print what was found."),
    "extract": ("extract", "Read facts out of documents; what is sure enters the graph."),
    "review": ("review", "Review what texts say: list, show, accept, reject."),
    "search": ("search", "Find entities and passages by name, words, vectors and graph."),
    "similar": ("search", "Find the nearest entities through the vector index."),
    "ask": ("ask", "Answer a question in words, with why and how sure."),
    "recommend": ("recommend", "Recommend what an entity may like, with paths."),
    "generate": ("generate", "Write a text from the graph's facts, cited and checked."),
    "explain": ("explain", "Say why: of a link, an answer, a class; with paths and rules."),
    "undo": ("undo", "Remove from the graph what a run wrote."),
    "export-embeddings": ("export_embeddings", "Write vectors that stand in the graph as a file."),
    "import-embeddings": ("import_embeddings", "Make a run of vectors trained elsewhere."),
    "browser": ("browser", "Make Neo4j Browser the home of your graph; open it."),
    "serve": ("serve", "Answer over HTTP, with keys, limits and metrics."),
    "mcp": ("serve", "Let an assistant use the graph, by the Model Context Protocol."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the story, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"kgplatform.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.split()[-1].replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, of two words where there is such, or say which may have been meant."""
        if (name := " ".join(args[:2])) in COMMANDS:
            return name, self.get_command(ctx, name), args[2:]
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise UnknownNameError("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kgplatform")
def cli() -> None:
    """Train knowledge graphs and language models together, around Neo4j.

    Every command takes --json (data on stdout, all else on stderr). The connection comes
    from NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD and NEO4J_DATABASE; without them, from
    the local server that `kgp up` starts.
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line and end the process with its exit code.

    0: done; 1: a failure that was handled; 2: wrong usage; 4: the database refused the login;
    130: stopped by Ctrl-C.
    """
    # Before torch is imported: by default its idle threads spin, and where other processes want
    # the cores as well, a training then takes several times as long (docs/log.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(format="%(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(harmless_record)
    # What the driver logs, it also raises; ours says it once, in a line.
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    try:
        code = cli.main(args=args, standalone_mode=False)
    except KGPlatformError as error:
        report_error(str(error), error.hint)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _stopped()
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; that is not a failure of ours.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # A disk, a file or a folder that fails where no stage could say more of it.
        place = f"{error.filename}: " if error.filename else ""
        hint = OS_HINTS.get(error.errno or 0, "")
        report_error(f"{place}{error.strerror or error}", hint)
        sys.exit(1)
    except Exception as error:
        # Ctrl-C in the midst of an answer: the driver cannot close its session, and says only that.
        if not follows_interrupt(error):
            raise
        _stopped()
    sys.exit(code if isinstance(code, int) else 0)


def follows_interrupt(error: BaseException) -> bool:
    """Whether an error arose while Ctrl-C was dealt with."""
    before = error.__context__
    while before is not None:
        if isinstance(before, KeyboardInterrupt):
            return True
        before = before.__context__
    return False


def _stopped() -> NoReturn:
    report_error("stopped by the user", "")
    sys.exit(130)
