"""A command that writes is disturbed by a fault and called again: what became of it?"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

from bolt_proxy import Moment, Passed, Proxy
from campaign import counted
from fault_scenes import Prepared, Scene, State, restore, state
from vector_readers import reading_vectors
from warm_commands import AtFile, Running, Told

from kgplatform import server as local

CUT_AT = ("HELLO", "BEGIN", "RUN", "PULL", "COMMIT")
"""Messages at which a connection is cut."""


@dataclass
class Attempt:
    """One fault and what came of it.

    Attributes:
        fault: What happened, and when.
        outcome: ``survived``, ``lost``, ``doubled`` or ``changed``.
        problem: What was not as it should be.
        came: Whether the fault came before the command had ended.
        mixed: How often readers found what is no whole set.
        read: How often readers found the one whole set or the other, or were told to repeat.
    """

    fault: str
    outcome: str = "survived"
    problem: str = ""
    came: bool = True
    mixed: int = 0
    read: Counter[str] = field(default_factory=Counter)


def kill_client(scene: Scene, made: Prepared, drawn: random.Random) -> Attempt:
    """Kill the command at a message, at a file, at a line that it prints, or at any time."""
    ways = ["message", "line", "time"] + (["file"] * 2 if made.put else [])
    how = drawn.choice(ways)
    if how == "file":
        at_file = AtFile(drawn.randint(1, made.put), drawn.random() < 0.5)
        return kill_at_file(scene, made, at_file)
    running: list[Running] = []
    if how == "message":
        moment = _drawn_moment(made, drawn, gone=False)
        with scene.proxy(moment, _killing(running)) as proxy:
            return _disturbed(scene, made, f"killed at {_said(moment)}", proxy, running)
    at = drawn.randint(1, max(1, made.lines)) if how == "line" else drawn.random() * made.seconds
    said = f"killed after {at:.3g} {'lines' if how == 'line' else 's'}"
    with scene.proxy() as proxy:
        return _disturbed(scene, made, said, proxy, running, lambda it: _kill_after(it, how, at))


def kill_overtaken(scene: Scene, made: Prepared, drawn: random.Random) -> Attempt:
    """Kill the command where transactions on one of its connections are overtaken by others."""
    running: list[Running] = []
    # Among the batches: before them, and after, transactions come one by one.
    number = drawn.randint(made.seen["COMMIT"] // 4, made.seen["COMMIT"] * 3 // 4)
    moment = Moment("COMMIT", number, drawn.choice(("sent", "answered")))
    with scene.proxy(moment, _killing(running), uneven=True) as proxy:
        return _disturbed(scene, made, f"overtaken, killed at {_said(moment)}", proxy, running)


def _killing(running: list[Running]) -> Callable[[], None]:
    """Kills the command that is, or is about to be, in the list."""

    def kill() -> None:
        while not running:
            time.sleep(0.001)
        running[0].kill()

    return kill


def kill_at_file(scene: Scene, made: Prepared, at_file: AtFile) -> Attempt:
    """Kill the command as it puts a file in its place."""
    said = f"killed {'after' if at_file.after else 'before'} file {at_file.number}"
    with scene.proxy() as proxy:
        return _disturbed(scene, made, said, proxy, [], at_file=at_file)


def cut(scene: Scene, made: Prepared, drawn: random.Random, message: str) -> Attempt:
    """Cut all connections at a message of a kind."""
    gone = drawn.random() < 0.4
    moment = _drawn_moment(made, drawn, gone=gone, message=message)
    with scene.proxy(moment) as proxy:
        return _disturbed(scene, made, f"cut at {_said(moment)}", proxy, [])


def kill_server(scene: Scene, made: Prepared, drawn: random.Random) -> Attempt:
    """Kill the server at a message, and start it again; it counts if the command was at work."""
    moment = _drawn_moment(made, drawn, gone=False)
    running: list[Running] = []
    at_work: list[bool] = []

    def kill() -> None:
        while not running:
            time.sleep(0.001)
        at_work.append(scene.kill_server(running[0]))

    with scene.proxy(moment, kill) as proxy:
        attempt = _disturbed(scene, made, f"server killed at {_said(moment)}", proxy, running)
    attempt.came = at_work == [True]
    return attempt


def kill_bulk_load(scene: Scene, made: Prepared, drawn: random.Random) -> Attempt:
    """Kill a bulk load, which stops the server and starts it again, at any time or line."""
    how = drawn.choice(["line", "time"])
    at = drawn.randint(1, made.lines) if how == "line" else drawn.random() * made.seconds
    attempt = Attempt(f"{made.writing.name}: killed after {at:.3g} {'s' * (how == 'time')}")
    restore(scene, made)
    running = scene.start(made.words, own=True)
    _kill_after(running, how, at)
    first = running.wait()
    attempt.came = first.code < 0
    _check_told(first, attempt, killed=first.code < 0)
    if first.code == 0:
        with scene.store() as store:
            _compare(made, attempt, state(scene, store, made.writing), "at its end")
        return attempt
    second = scene.start(made.words, own=True).wait()
    if local.running(scene.settings) is None:
        local.start(scene.settings)
    with scene.store() as store:
        now = state(scene, store, made.writing)
        told_so = second.code == 1 and made.writing.told and made.writing.told in second.err
        if second.code and not (told_so and now == made.after):
            _problem(attempt, "changed", f"the repetition ended with {second.code}: {second.err}")
        _compare(made, attempt, now, "after the repetition")
    return attempt


def _kill_after(running: Running, how: str, at: float) -> None:
    """Kill a command when it has printed so many lines, or when so many seconds have passed."""
    began = time.monotonic()
    while running.lives():
        reached = running.lines() if how == "line" else time.monotonic() - began
        if reached >= at:
            break
        time.sleep(0.001)
    running.kill()


def _drawn_moment(
    made: Prepared, drawn: random.Random, *, gone: bool, message: str | None = None
) -> Moment:
    kind = message or drawn.choice([kind for kind in CUT_AT if made.seen[kind]])
    passed: Passed = drawn.choice(get_args(Passed))
    return Moment(kind, drawn.randint(1, made.seen[kind]), passed, gone)


def _said(moment: Moment) -> str:
    passed = {"no": "before", "sent": "once sent", "answered": "when answered"}[moment.passed]
    return f"{moment.message} {moment.number}, {passed}{', and gone' if moment.gone else ''}"


def _disturbed(
    scene: Scene,
    made: Prepared,
    fault: str,
    proxy: Proxy,
    holder: list[Running],
    wait: Callable[[Running], None] | None = None,
    at_file: AtFile | None = None,
) -> Attempt:
    """Run the command up to the fault, then again; see what there is."""
    attempt = Attempt(f"{made.writing.name}: {fault}")
    restore(scene, made)
    with _readers(scene, made, attempt):
        running = scene.start(made.words, proxy.port, at_file)
        holder.append(running)
        if wait is not None:
            wait(running)
        first = _ended(scene, running)
        if local.running(scene.settings) is None:
            local.start(scene.settings)
        attempt.came = first.code < 0 or proxy.happened.is_set()
        _check_told(first, attempt, killed=first.code < 0)
        _repeat(scene, made, attempt, first)
    return attempt


def _ended(scene: Scene, running: Running) -> Told:
    """How the command ends, while the server, if it was killed, is started."""
    done = threading.Event()

    def revive() -> None:
        while not done.wait(0.02):
            if local.running(scene.settings) is None:
                local.start(scene.settings)

    reviving = threading.Thread(target=revive)
    reviving.start()
    try:
        return running.wait()
    finally:
        done.set()
        reviving.join()


def _repeat(scene: Scene, made: Prepared, attempt: Attempt, first: Told) -> None:
    writing = made.writing
    with scene.store() as store:
        if writing.between is not None:
            try:
                writing.between(store)
            except AssertionError as error:
                _problem(attempt, "changed", str(error))
        if first.code == 0:
            _compare(made, attempt, state(scene, store, writing), "at its end")
        already = state(scene, store, writing) == made.after
        words = made.words if writing.again is None else writing.again(scene, made.words)
        second = scene.start(words).wait()
        told_so = already and second.code in (1, 2) and writing.told and writing.told in second.err
        if second.code != 0 and not told_so:
            _problem(attempt, "changed", f"the repetition ended with {second.code}: {second.err}")
        _compare(made, attempt, state(scene, store, writing), "after the repetition")


def _check_told(told: Told, attempt: Attempt, *, killed: bool) -> None:
    """A command that ends says why and what to do, and never shows a traceback."""
    if "Traceback" in told.err or (not killed and told.code not in (0, 1)):
        _problem(attempt, "changed", f"it ended with {told.code}: {told.err}")
    if told.code == 1 and not ("error:" in told.err and "fix:" in told.err):
        _problem(attempt, "changed", f"it did not say what to do: {told.err}")


def _compare(made: Prepared, attempt: Attempt, now: State, when: str) -> None:
    if now.graph != made.after.graph:
        more = now.size - made.after.size
        outcome = "lost" if more < 0 else "doubled" if more > 0 else "changed"
        _problem(attempt, outcome, f"the graph is another one {when} ({more:+} of its parts)")
    if now.files != made.after.files:
        both = {*now.files, *made.after.files}
        other = sorted(f for f in both if now.files.get(f) != made.after.files.get(f))
        outcome = "lost" if made.after.files.keys() - now.files.keys() else "changed"
        _problem(attempt, outcome, f"other files {when}: {', '.join(other)}")


def _problem(attempt: Attempt, outcome: str, problem: str) -> None:
    attempt.outcome = outcome
    attempt.problem += f"{problem}\n"


@contextmanager
def _readers(scene: Scene, made: Prepared, attempt: Attempt) -> Iterator[None]:
    if not made.writing.vectors:
        yield
        return
    with reading_vectors(scene.store, made.sets) as readers:
        yield
    attempt.read, attempt.mixed = readers.read, len(readers.problems)
    for problem in readers.problems:
        _problem(attempt, "changed", problem)


def counted_attempts(what: str, attempts: list[Attempt]) -> None:
    """Count what became of attempts, and fail if anything was not as it should be."""
    outcomes = Counter(attempt.outcome for attempt in attempts if attempt.came or attempt.problem)
    told = {name: outcomes[name] for name in ("survived", "lost", "doubled", "changed")}
    late = sum(not attempt.came for attempt in attempts)
    counted("kills", what, len(attempts) - late, **told, after_its_end=late)
    read: Counter[str] = sum((attempt.read for attempt in attempts), Counter())
    if read:
        whole = read["whole"] + read["searched"]
        repeat = sum(read.values()) - whole
        mixed = sum(attempt.mixed for attempt in attempts)
        what = f"reads of vectors while: {what}"
        counted("kills", what, whole + repeat, whole=whole, told_to_repeat=repeat, mixed=mixed)
    problems = [f"{attempt.fault}: {attempt.problem}" for attempt in attempts if attempt.problem]
    assert not problems, "\n".join(problems)
