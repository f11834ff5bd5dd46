"""How long work reports that it advances, without knowing who shows it."""

from typing import Protocol


class Progress(Protocol):
    """Called by a stage as it advances; the command line draws bars from it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report that ``done`` of ``total`` units of ``stage`` are finished.

        Args:
            stage: What is being done, in a word or two, the same string for the whole stage.
            done: Units finished so far (not since the last call).
            total: Units there are, or None while that is unknown.
        """


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing; the default of every library function."""
