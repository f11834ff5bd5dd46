"""GLiNER2's own classes with random weights: that loading, places and mapping run.

Its weights are not to be had where tests run, so what it finds is not tested: a random model finds
pairs of any words, which must come out as facts of the schema with ends that stand in the text.
"""

from pathlib import Path

import pytest

from kgplatform.errors import InputError, UsageError
from kgplatform.progress import silent
from kgplatform.text.extract.gliner_extractor import gliner_extractor
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.snap import snap

pytest.importorskip("gliner2", reason="the extra nlp is not installed")

SCHEMA = Schema(
    {"Person": "a human being", "Place": ""},
    {
        "BORN_IN": RelationType("BORN_IN", ("Person",), ("Place",), "Where somebody was born."),
        "CAPITAL_OF": RelationType("CAPITAL_OF", ("Place",), ("Place",)),
    },
)
TEXTS = [
    "Chopin was born in Warsaw. He died in Paris.",
    "",
    " ".join(f"Warsaw is the capital of Poland, as sentence {i} says." for i in range(60)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of a layer and random weights, with characters for a vocabulary."""
    import torch
    from gliner2 import ExtractorConfig
    from gliner2.inference.engine import SpanExtractor
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, PreTrainedTokenizerFast

    torch.manual_seed(0)
    letters = [chr(code) for code in range(33, 127)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {
        token: at for at, token in enumerate([*special, *letters, *("##" + c for c in letters)])
    }
    cutter = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    cutter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    named = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=cutter, **dict(zip(named, special, strict=True))
    )
    encoder = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=2048,
    )
    model = SpanExtractor(
        ExtractorConfig(model_name="tiny", max_width=4), encoder_config=encoder, tokenizer=tokenizer
    )
    place = tmp_path_factory.mktemp("gliner")
    model.save_pretrained(str(place))
    return place


def test_a_model_of_its_own_classes_is_loaded_and_mapped(folder: Path) -> None:
    extractor = gliner_extractor(SCHEMA, model=str(folder), threshold=0.4)
    told: list[int] = []
    found = list(extractor(TEXTS, lambda stage, done, total: told.append(done)))
    assert told == [1, 2, 3]
    assert found[0]
    assert found[1] == []
    # Long texts are read in windows: places are those of the text, not of a window.
    assert max(fact.sentence[1] for fact in found[2]) > len(TEXTS[2]) / 2
    for text, facts in zip(TEXTS, found, strict=True):
        for fact in facts:
            assert fact.relation in SCHEMA.relations
            assert 0.4 <= fact.confidence <= 1
            for end in (fact.head, fact.tail):
                assert end.span is not None
                assert text[slice(*end.span)] == end.name
                assert end.label in {None, "Person", "Place"}
                assert fact.sentence[0] <= end.span[0] < end.span[1] <= fact.sentence[1]
    assert {fact.relation for facts in found for fact in facts} == {"BORN_IN", "CAPITAL_OF"}
    assert all(not each.invented for each in snap(found, TEXTS, SCHEMA))


def test_nothing_is_sure_enough(folder: Path) -> None:
    extractor = gliner_extractor(SCHEMA, model=str(folder), threshold=0.999)
    assert list(extractor(TEXTS[:1], silent)) == [[]]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has none"):
        gliner_extractor(Schema({}, {}, open=True))
    with pytest.raises(InputError, match="cannot be loaded"):
        gliner_extractor(SCHEMA, model=str(tmp_path))
