"""What came out of a training of question answering, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgplatform.joint.qa_questions import Linked
from kgplatform.joint.qa_solver import Judged
from kgplatform.joint.qa_template import Templates
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.triples import SPLITS, Split

SURE = 1.96
"""Standard errors within which a difference may be chance (5 %)."""


def qa_metrics(
    judged: Mapping[Split, Judged],
    questions: Mapping[Split, Sequence[Linked]],
    templates: Templates,
) -> dict[str, Any]:
    """By split, train left out: ``hits_at_1``, ``count``, ``calibration_error``, ``baseline``.

    The baseline tells the kind of question by its words and walks that kind's path. ``gain`` is
    what the strategy has over it, with its standard error, question by question.
    """
    found: dict[str, Any] = {}
    for split in SPLITS[1:]:
        if split not in judged:
            continue
        hits, baseline = judged[split].hits, templates.hits(questions[split])
        gain = hits - baseline
        found[split] = {
            "hits_at_1": float(hits.mean()),
            "count": len(hits),
            "calibration_error": expected_calibration_error(judged[split].confidence, hits),
            "baseline": {"hits_at_1": float(baseline.mean())},
            "gain": float(gain.mean()),
            "gain_error": float(gain.std() / np.sqrt(len(gain))),
        }
    return found


def verdict(metrics: Mapping[str, Any]) -> str:
    """In words, whether walking the graph helped; of test, where there is one."""
    split, values = list(metrics.items())[-1]
    count, gain, error = values["count"], values["gain"], values["gain_error"]
    text = (
        f"{values['hits_at_1']:.1%} of {count:,} {split} questions are answered right; telling "
        f"the kind of question by its words and walking its path: "
        f"{values['baseline']['hits_at_1']:.1%}"
    )
    if abs(gain) <= SURE * error or gain == 0:
        return f"{text}. The difference may be chance."
    if gain > 0:
        return f"{text}. Reading the graph with the question helps."
    return f"{text}. The simple way is better here: ask it, or give more examples."
