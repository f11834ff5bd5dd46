"""Walking agents beside rules, frequency and their teacher: the tables of docs/benchmarks.md.

Rows print as they are done. From the repository's root, with the data beside it in shared/data::

    OMP_NUM_THREADS=1 python tests/benchmarks/walker.py umls kinship
    OMP_NUM_THREADS=1 python tests/benchmarks/walker.py umls --row walker --set algorithm=dqn
    OMP_NUM_THREADS=1 python tests/benchmarks/walker.py pathquestion-2H --seeds 1
    OMP_NUM_THREADS=1 python tests/benchmarks/walker.py speed
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import quality
import torch
from joint_qa_data import path_question
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.joint.qa_questions import TOPIC, Names, link, split_questions
from kgplatform.rules.apply import Applier
from kgplatform.rules.evaluate import choose_length, evaluate_rules, train_matrices
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.text.encode import load_encoder, text_vectors
from kgplatform.training.artifacts import load_model, load_run
from kgplatform.training.known import known_of_snapshot
from kgplatform.training.metrics import metrics_of
from kgplatform.training.ranks import Ranks
from kgplatform.triples import Split, Triple
from kgplatform.walk.env import Walks
from kgplatform.walk.evaluate import filtered_ranks
from kgplatform.walk.gym_env import WalkEnv
from kgplatform.walk.policy import Policy
from kgplatform.walk.queries import Queries, asked_of, batches, fact_queries, known_ends
from kgplatform.walk.rollout import Drawing, draw
from kgplatform.walk.settings import WalkerSettings, settings_of
from kgplatform.walk.shortest import adjacency
from kgplatform.walk.task import Task, fact_task, text_task, walks_of
from kgplatform.walk.teach import own_teacher
from kgplatform.walk.teacher import directed_scores
from kgplatform.walk.train import train_walker

DATA = Path(__file__).parents[3] / "shared" / "data"
GRAPHS = ("umls", "kinship", "countries-s1", "countries-s2", "countries-s3")
QUESTIONS = ("pathquestion-2H", "pathquestion-3H")
ROWS = ("walker", "rules", "frequent", "teacher", "teacher within reach")
COLUMNS = ("mrr", "hits_at_1", "hits_at_10")


def read(path: Path, split: Split, without: set[tuple[str, str, str]]) -> list[Triple]:
    """The facts of a file that are not among those read before."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line]
    facts = [Triple(head, relation, tail, split=split) for head, relation, tail in rows]
    new = {(f.head, f.relation, f.tail): f for f in facts}
    new = {key: fact for key, fact in new.items() if key not in without}
    without.update(new)
    return list(new.values())


def countries(name: str) -> Task:
    """What may be walked is one file, what is asked in training another (Das et al. 2018).

    Validation facts that stand in the graph, too (thirteen of S1 and S2, six of S3), or in test
    (seven) are left out of validation.
    """
    folder, seen = DATA / name, set[tuple[str, str, str]]()
    facts = read(folder / "graph.tsv", "train", seen)
    # Before validation, which has seven of its questions.
    facts += read(folder / "test.tsv", "test", seen) + read(folder / "valid.tsv", "valid", seen)
    asked = read(folder / "train.tsv", "train", set())
    snapshot = from_triples(facts)
    entity = {key: index for index, key in enumerate(snapshot.entities)}
    relation = {key: index for index, key in enumerate(snapshot.relations)}
    rows = [(entity[f.head], relation[f.relation], entity[f.tail]) for f in asked]
    questions: dict[Split, Queries] = {
        "train": fact_queries(torch.tensor(rows), snapshot.num_relations, both=False),
        "valid": fact_queries(snapshot.triples("valid"), snapshot.num_relations),
        "test": fact_queries(snapshot.triples("test"), snapshot.num_relations),
    }
    return Task(snapshot, snapshot, questions)


def questions_task(name: str, seed: int) -> Task:
    """PathQuestion, split by subject and path."""
    snapshot, questions = path_question(int(name[-2]))
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    linked, _ = link(questions, Names(snapshot.entities, {}, degree))
    parts = split_questions(linked, "pair", valid=0.1, test=0.1, seed=seed)
    encoder = load_encoder()
    texts = {
        split: torch.from_numpy(
            text_vectors(
                encoder,
                [" ".join("it" if word == TOPIC else word for word in q.words) for q in part],
            )
        )
        for split, part in parts.items()
    }
    return text_task(
        snapshot,
        {split: [q.topic for q in part] for split, part in parts.items()},
        {split: [q.answers for q in part] for split, part in parts.items()},
        texts,
    )


def task_of(name: str, settings: WalkerSettings) -> Task:
    """A data set as a task."""
    if name in QUESTIONS:
        return questions_task(name, settings.seed)
    return countries(name) if name.startswith("countries") else fact_task(graph(name), settings)


def graph(name: str) -> KGSnapshot:
    """A data set with its published split."""
    return quality.load(name)


def of_sides(ranks: Tensor) -> dict[str, Any]:
    """Metrics of ranks of which the tails' come first."""
    half = len(ranks) // 2
    return metrics_of(Ranks(tail=ranks[:half], head=ranks[half:])).to_json()


def rules_row(task: Task) -> dict[Split, dict[str, Any]]:
    """Rules as long as validation wants them."""
    snapshot = task.snapshot
    matrices = train_matrices(snapshot)
    rules = mine_rules(matrices, MiningConfig())
    length = choose_length(matrices, rules, snapshot)
    applier = Applier(matrices, rules[rules.length <= length])
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    splits: tuple[Split, ...] = ("valid", "test")
    return {s: evaluate_rules(applier, snapshot.triples(s), known).to_json() for s in splits}


def scored_row(task: Task, scored: Any) -> dict[Split, dict[str, Any]]:
    """Metrics by a function from questions to scores."""
    splits: tuple[Split, ...] = ("valid", "test")

    def parts(queries: Queries) -> Iterator[tuple[Queries, Tensor]]:
        for some in batches(queries, 256):
            yield some, scored(some)

    return {
        split: of_sides(filtered_ranks(parts(task.questions[split]), task.snapshot))
        for split in splits
    }


def frequency(task: Task) -> Any:
    """How often each entity answers a relation in training."""
    snapshot = task.snapshot
    counts = torch.zeros(2 * snapshot.num_relations, snapshot.num_entities)
    for head, relation, tail in snapshot.triples("train").tolist():
        counts[relation, tail] += 1
        counts[relation + snapshot.num_relations, head] += 1
    return lambda queries: counts[queries.relation]


def within_reach(task: Task, walks: Walks, score: Any) -> Any:
    """The same scores, but only of entities that walks can reach."""
    matrix = adjacency(walks.table)

    def scored(queries: Queries) -> Tensor:
        near = torch.zeros(len(queries), task.snapshot.num_entities)
        near[torch.arange(len(queries)), queries.start] = 1
        for _ in range(walks.steps):
            near = ((near + torch.sparse.mm(matrix.T, near.T).T) > 0).float()
        scores: Tensor = score(queries)
        return scores.masked_fill(near == 0, -torch.inf)

    return scored


def rows_of(
    name: str, rows: tuple[str, ...], settings: WalkerSettings, kept: Path | None
) -> Iterator[tuple[str, dict[Split, dict[str, Any]], float, str]]:
    """Name, metrics, seconds of the processor and a remark of each row."""
    task = task_of(name, settings)
    walks = walks_of(task, settings)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (kept or Path(temporary)) / f"{name}-{settings.seed}-{settings.algorithm}"
        if "walker" in rows:
            run = train_walker(task, settings, folder, source={"data": name})
            best = f"{walks.steps} steps, epoch {run.best_epoch} of {run.epochs}"
            found: dict[Split, dict[str, Any]] = {"valid": run.metrics["valid"]}
            found["test"] = run.metrics["test"]
            yield "walker", found, run.seconds, best
        if name in QUESTIONS:
            return
        if "rules" in rows:
            started = time.process_time()
            yield "rules", rules_row(task), time.process_time() - started, ""
        if "frequent" in rows:
            yield "frequent", scored_row(task, frequency(task)), 0.0, ""
        if not {"teacher", "teacher within reach"} & set(rows):
            return
        started = time.process_time()
        trained = (folder / "teacher" / "run.json").exists()
        at = folder / "teacher" if trained else Path(temporary) / "alone"
        teacher = load_run(at) if trained else own_teacher(task, settings, at, quiet)
        model = load_model(teacher)

        def score(queries: Queries) -> Tensor:
            with torch.no_grad():
                return directed_scores(model, queries.start, queries.relation)

        seconds = teacher.seconds if trained else time.process_time() - started
        yield "teacher", scored_row(task, score), seconds, teacher.config.model
        if "teacher within reach" in rows:
            near = within_reach(task, walks, score)
            yield "teacher within reach", scored_row(task, near), 0.0, f"{walks.steps} steps"


def quiet(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


def line_of(name: str, row: str, values: Mapping[Split, Mapping[str, Any]]) -> str:
    """Cells of a row: tails of test, both sides of test, tails of valid, reach."""
    test, valid = values["test"], values["valid"]
    tail = test.get("tail", test)
    cells = [name, row, *(f"{tail[column]:.3f}" for column in COLUMNS)]
    cells += [f"{test[column]:.3f}" for column in COLUMNS]
    cells.append(f"{valid.get('tail', valid)['mrr']:.3f}")
    cells.append(f"{test['reachable']:.3f}" if "reachable" in test else "")
    return " | ".join(cells)


def speed(name: str, seconds: float) -> None:
    """Walks a second: the environment alone, and with the policy, beside a loop in Python."""
    settings = WalkerSettings(steps=2)
    task = fact_task(graph(name), settings)
    walks, known = walks_of(task, settings), known_ends(task.snapshot)
    queries = task.questions["train"]
    policy = Policy(
        task.snapshot.num_entities, task.snapshot.num_relations, width=64, hidden=64, dropout=0.0
    ).eval()
    generator = torch.Generator().manual_seed(0)
    some = queries[torch.arange(128)]

    def batched(times: int) -> int:
        asked = asked_of(some, known, training=True)
        state = walks.begin(asked)
        state = type(state)(
            state.row.repeat_interleave(times), state.at.repeat_interleave(times), 0
        )
        for _ in range(walks.steps):
            actions = walks.actions(asked, state)
            height = torch.rand(len(state.at), 1, generator=generator)
            reached = actions.allowed.int().cumsum(1)
            choice = (reached <= (height * reached[:, -1:]).long()).sum(1, keepdim=True)
            state = walks.step(state, actions, choice)
        walks.arrived(asked, state)
        return len(state.at)

    def by_policy(rows: Tensor, times: int) -> int:
        with torch.no_grad():
            asked = asked_of(queries[rows], known, training=True)
            draw(policy, walks, asked, times, generator, Drawing())
        return len(rows) * times

    plain = PlainEnvironment(task, walks.steps)
    rows: dict[str, Callable[[], int]] = {
        "environment, 2,560 walks a step": lambda: batched(20),
        "environment, 25,600 walks a step": lambda: batched(200),
        "environment, a loop in Python": plain.walk,
        "environment, Gymnasium": gymnasium_walk(task, walks),
        "with policy, 2,560 walks a step": lambda: by_policy(torch.arange(128), 20),
        "with policy, a walk a call": lambda: by_policy(torch.tensor([0]), 1),
    }
    for row, one in rows.items():
        one()
        started, done = time.process_time(), 0
        while time.process_time() - started < seconds:
            done += one()
        print(f"{name} | {row} | {done / (time.process_time() - started):,.0f}", flush=True)


class PlainEnvironment:
    """The same walks by lists and dictionaries, an action a call, as MINERVA's steps are told."""

    def __init__(self, task: Task, steps: int) -> None:
        self.relations, self.steps = task.snapshot.num_relations, steps
        self.facts = task.snapshot.triples("train").tolist()
        self.next: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.ends: dict[tuple[int, int], set[int]] = defaultdict(set)
        for head, relation, tail in self.facts:
            self.next[head].append((relation, tail))
            self.next[tail].append((relation + self.relations, head))
            self.ends[head, relation].add(tail)
        self.hits = 0
        self.random = random.Random(0)

    def actions(self, fact: tuple[int, int, int], at: int, last: bool) -> list[tuple[int, int]]:
        """What may be done."""
        head, relation, tail = fact
        found = [(2 * self.relations, at)]
        for step, end in self.next[at]:
            if (at, step, end) == (head, relation, tail):
                continue
            if (at, step, end) == (tail, relation + self.relations, head):
                continue
            if last and end != tail and end in self.ends[head, relation]:
                continue
            found.append((step, end))
        return found

    def walk(self) -> int:
        """One walk of random steps."""
        head, relation, tail = self.random.choice(self.facts)
        at = head
        for step in range(self.steps):
            allowed = self.actions((head, relation, tail), at, step == self.steps - 1)
            _, at = self.random.choice(allowed)
        self.hits += at == tail
        return 1


def gymnasium_walk(task: Task, walks: Walks) -> Callable[[], int]:
    """One walk of random steps by the Gymnasium face."""
    env = WalkEnv(walks, task.questions["train"], known_ends(task.snapshot))
    drawn = np.random.default_rng(0)

    def walk() -> int:
        observed, _ = env.reset()
        for _ in range(walks.steps):
            observed = env.step(drawn.choice(np.flatnonzero(observed["action_mask"])))[0]
        return 1

    return walk


def main() -> None:
    """Print every row as it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=(*GRAPHS, *QUESTIONS, "speed"))
    parser.add_argument("--row", dest="rows", action="append", choices=ROWS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="K=V")
    parser.add_argument("--keep", type=Path, help="A folder to keep runs in.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    given = dict(text.split("=", 1) for text in arguments.settings)
    heads = "data | row | MRR | H@1 | H@10 | MRR | H@1 | H@10 | valid MRR | reach | seed | CPU s |"
    print(heads, flush=True)
    for name in arguments.names:
        if name == "speed":
            for data in ("umls", "kinship"):
                speed(data, 3.0)
            continue
        if name.startswith("countries"):
            given = {"both_sides": "false", **given}
        for seed in range(arguments.seeds):
            settings = settings_of({**given, "seed": str(seed), "device": "cpu"})
            rows = tuple(arguments.rows or ROWS)
            for row, values, seconds, remark in rows_of(name, rows, settings, arguments.keep):
                line = line_of(name, row, values)
                print(f"{line} | {seed} | {seconds:.0f} | {remark}", flush=True)


if __name__ == "__main__":
    main()
