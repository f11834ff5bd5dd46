"""One walk at a time as a Gymnasium environment, for algorithms of other libraries.

Training here goes over :mod:`kgplatform.walk.env`, thousands of walks a step; this is the same
environment behind the interface that others expect (Towers et al. 2024, "Gymnasium").
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

from kgplatform.errors import UsageError
from kgplatform.walk.env import Actions, Asked, State, Walks
from kgplatform.walk.queries import KnownEnds, Queries, asked_of

Observation = dict[str, Any]


class WalkEnv(gymnasium.Env[Observation, np.int64]):
    """Walks for questions that are drawn at random.

    An action is a place among those of the entity; what stands at the place, and whether it is
    allowed, is part of the observation. An action that is not allowed stays, and is not rewarded
    for arriving. The reward comes with the last step: 1 at an answer, else 0.

    Args:
        walks: The graph, on the CPU.
        queries: At least one question.
        known: Training facts.
        training: Whether the questions are training facts, whose own edges are masked.
    """

    def __init__(
        self, walks: Walks, queries: Queries, known: KnownEnds, *, training: bool = True
    ) -> None:
        if not len(queries):
            raise UsageError("there is no question to walk for", hint="give at least one")
        self.walks, self.queries, self.known, self.training = walks, queries, known, training
        table = walks.table
        most = int(table.count.max())
        # One beyond the directed relations stays; one more stands for a question in words.
        relations = table.stay + 2
        self.action_space = spaces.Discrete(most)
        self.observation_space = spaces.Dict(
            {
                "start": spaces.Discrete(table.num_entities),
                "question": spaces.Discrete(relations),
                "at": spaces.Discrete(table.num_entities),
                "step": spaces.Discrete(walks.steps + 1),
                "relations": spaces.MultiDiscrete(np.full(most, relations)),
                "targets": spaces.MultiDiscrete(np.full(most, table.num_entities)),
                "action_mask": spaces.MultiBinary(most),
            }
        )
        self._asked: Asked | None = None
        self._state: State | None = None
        self._actions: Actions | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a walk; ``options={"question": q}`` says for which question."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(len(self.queries)))
        row = int((options or {}).get("question", drawn))
        if not 0 <= row < len(self.queries):
            raise UsageError(f"there is no question {row}", hint=f"below {len(self.queries)}")
        query = self.queries[torch.tensor([row])]
        self._asked = asked_of(query, self.known, training=self.training)
        self._state = self.walks.begin(self._asked)
        return self._observed(), {"query": row}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take an action; the walk ends with its last step."""
        assert self._asked is not None
        assert self._state is not None
        assert self._actions is not None
        place = int(action)
        allowed = self._actions.allowed[0]
        possible = place < len(allowed) and bool(allowed[place])
        choice = torch.tensor([[place if possible else 0]])
        self._state = self.walks.step(self._state, self._actions, choice)
        ended = self._state.done == self.walks.steps
        arrived = possible and bool(self.walks.arrived(self._asked, self._state)[0])
        reward = float(ended and arrived)
        return self._observed(), reward, ended, False, {"allowed": possible}

    def _observed(self) -> Observation:
        assert self._asked is not None
        assert self._state is not None
        last = self._state.done >= self.walks.steps - 1
        self._actions = self.walks.actions_at(self._asked, self._state, last=last)
        most = int(self.action_space.n)  # type: ignore[attr-defined]
        relation, table = int(self._asked.relation[0]), self.walks.table
        return {
            "start": np.int64(self._asked.start[0]),
            "question": np.int64(relation if relation >= 0 else table.stay + 1),
            "at": np.int64(self._state.at[0]),
            "step": np.int64(self._state.done),
            "relations": _padded(self._actions.relation, most, np.int64),
            "targets": _padded(self._actions.target, most, np.int64),
            "action_mask": _padded(self._actions.allowed, most, np.int8),
        }


def _padded(column: torch.Tensor, most: int, kind: type[np.integer[Any]]) -> np.ndarray:
    values: np.ndarray = np.zeros(most, dtype=kind)
    values[: column.shape[1]] = column[0].numpy()
    return values
