"""A question with its part of the graph, as PyG's G-Retriever takes it.

"G-Retriever: Retrieval-Augmented Generation for Textual Graph Understanding and Question
Answering" (He et al. 2024) gives a large language model a question, its subgraph as text, and a
token that a graph network makes of the subgraph. The model is ``torch_geometric.llm.models``'; here
are its inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from kgplatform.joint.qa_questions import Linked
from kgplatform.joint.qa_reader import Phrases, relation_text
from kgplatform.joint.qa_walks import Walks

if TYPE_CHECKING:
    from torch_geometric.data import Data


def retriever_data(
    question: Linked,
    walks: Walks,
    entities: Sequence[str],
    relations: Sequence[str],
    phrases: Phrases,
) -> Data:
    """The facts within reach of a question's topic, with text vectors.

    Args:
        question: Tied to the graph.
        walks: The graph; its ``hops`` say how far to go.
        entities: What entities are called, by entity_index.
        relations: Relations by index.
        phrases: Reads names.

    Returns:
        ``Data`` with ``x`` [M, D], ``edge_index`` [2, S], ``edge_attr`` [S, D], and ``question``,
        ``label`` (the answers, ``|`` between them) and ``desc`` (nodes and edges as CSV), each a
        text: the fields of PyG's example, so that a ``DataLoader`` makes its batches.
    """
    from torch_geometric.data import Data

    area = walks.area(question.topic)
    count = len(relations)
    facts = sorted(
        {
            (int(t), int(w) - count, int(s)) if w >= count else (int(s), int(w), int(t))
            for hop in area.hops
            for s, w, t in zip(hop.source, hop.way, hop.target, strict=True)
        }
    )
    names = [entities[node] for node in area.nodes.tolist()]
    said = [relation_text(name) for name in relations]
    rows = torch.tensor(facts, dtype=torch.long).reshape(-1, 3)
    meanings = torch.from_numpy(phrases(said))
    nodes = [f"{at},{_cell(name)}" for at, name in enumerate(names)]
    edges = [f"{head},{_cell(said[relation])},{tail}" for head, relation, tail in facts]
    return Data(
        x=torch.from_numpy(phrases(names)),
        edge_index=rows[:, [0, 2]].T.contiguous(),
        edge_attr=meanings[rows[:, 1]],
        question=question.question.text,
        label="|".join(entities[answer] for answer in question.answers),
        desc="\n".join(["node_id,node_attr", *nodes, "src,edge_attr,dst", *edges]),
    )


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text
