"""What text, structure and both reach, on the same facts, and what the texts give away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.text_fusion import Fused, fusion_data, learn_fusion
from kgplatform.joint.text_leaks import by_named, masked_texts, named_in
from kgplatform.joint.text_link import TextLink
from kgplatform.joint.text_run import with_texts
from kgplatform.progress import Progress, silent
from kgplatform.training.bootstrap import mrr_interval
from kgplatform.training.evaluate import EVALUATED
from kgplatform.training.known import known_of_snapshot
from kgplatform.training.metrics import metrics_of
from kgplatform.training.ranks import Ranks, Scorer, rank_triples
from kgplatform.triples import Split

Encode = Callable[[Sequence[str]], np.ndarray]
"""Vectors of texts, float32 [n, D], by the encoder of the run."""


def ranks_by(scorer: Scorer, snapshot: KGSnapshot, progress: Progress = silent) -> dict[str, Ranks]:
    """Ranks of the facts of ``valid`` and ``test``, each if there are any."""
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    found: dict[str, Ranks] = {}
    for split in EVALUATED:
        if total := len(facts := snapshot.triples(split)):

            def told(done: int, split: str = split, total: int = total) -> None:
                progress(f"evaluating on {split}", done // 2, total)

            found[split] = rank_triples(scorer, facts, known, advanced=told)
    return found


def assess(
    model: TextLink,
    snapshot: KGSnapshot,
    names: Sequence[str],
    texts: Sequence[str],
    encode: Encode,
    structure: Scorer | None = None,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Fused | None]:
    """Figures of the text, and if there is a structure's score, of that and of both.

    Args:
        model: Trained.
        snapshot: With its split.
        names: Of the entities, [N].
        texts: Likewise, names in them.
        encode: Makes vectors of changed texts.
        structure: A link model over the same entities and relations, on the CPU.
        progress: Told of ranks.

    Returns:
        ``metrics`` of ``text``, ``structure`` and ``both`` by split; ``fusion``; and ``leaks``: of
        the last split, by whether the answer is named in the text asked with (``named``,
        ``not_named``), and the text's metrics with such names taken out (``masked``).
    """
    scorers: dict[str, Scorer] = {"text": model}
    data: dict[str, Any] = {}
    both: Fused | None = None
    if structure is not None:
        both, learned = learn_fusion(structure, model, snapshot, progress)
        scorers |= {"structure": structure, "both": both}
        data["fusion"] = fusion_data(both.scales, learned, snapshot.relations)
    ranks = {name: ranks_by(scorer, snapshot, progress) for name, scorer in scorers.items()}
    data["metrics"] = {
        name: {
            split: {**metrics_of(found).to_json(), "mrr_interval": list(mrr_interval(found))}
            for split, found in splits.items()
        }
        for name, splits in ranks.items()
    }
    if ranks["text"]:
        data["leaks"] = _leaks(model, snapshot, names, texts, encode, ranks)
    return data, both


def _leaks(
    model: TextLink,
    snapshot: KGSnapshot,
    names: Sequence[str],
    texts: Sequence[str],
    encode: Encode,
    ranks: Mapping[str, Mapping[str, Ranks]],
) -> dict[str, Any]:
    split: Split = "test" if "test" in ranks["text"] else "valid"
    facts = snapshot.triples(split)
    named = named_in(names, texts, facts)
    changed = masked_texts(names, texts, snapshot)
    masked = with_masks(model, snapshot, changed, encode)
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    return {
        "split": split,
        "named_share": float(named.float().mean()),
        "masked_texts": len(changed),
        "buckets": {name: by_named(splits[split], named) for name, splits in ranks.items()},
        "masked": metrics_of(rank_triples(masked, facts, known)).to_json(),
    }


def with_masks(
    model: TextLink, snapshot: KGSnapshot, changed: Mapping[int, str], encode: Encode
) -> TextLink:
    """The same weights where some entities' texts are others."""
    texts: Tensor = model.texts.clone()
    if changed:
        texts[list(changed)] = torch.from_numpy(encode(list(changed.values())))
    return with_texts(model, texts, snapshot.triples("train"))


def report(data: Mapping[str, Any]) -> str:
    """What was found, in words."""
    metrics = data["metrics"]
    split = next(reversed(metrics["text"]), None)
    if split is None:
        return "no validation or test facts, so nothing is known of how good this is"
    mrr = {name: values[split]["mrr"] for name, values in metrics.items()}
    lines = [f"on {split}: the text alone reaches MRR {mrr['text']:.3f}"]
    if "both" in mrr:
        better = max(mrr["text"], mrr["structure"])
        low, high = metrics["both"][split]["mrr_interval"]
        gain = mrr["both"] - better
        helped = (
            "together they are better than either" if gain > 0 else "together they gain nothing"
        )
        lines[0] += f", the structure alone {mrr['structure']:.3f}, both {mrr['both']:.3f}"
        lines.append(f"{helped}: {gain:+.3f} (95 % of both: {low:.3f} to {high:.3f})")
    leaks = data["leaks"]
    buckets = leaks["buckets"]["text"]
    lines.append(
        f"the text asked with names the answer in {leaks['named_share']:.0%} of the questions"
        + "".join(
            f"; MRR where it {words}: {buckets[name]['mrr']:.3f}"
            for name, words in (("named", "does"), ("not_named", "does not"))
            if name in buckets
        )
    )
    lines.append(
        f"with those names taken out of {leaks['masked_texts']:,} texts the text alone reaches "
        f"{leaks['masked']['mrr']:.3f}"
    )
    return "\n".join(lines)
