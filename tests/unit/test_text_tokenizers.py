"""TensorFlow Text's tokenizer gives the ids and places of Hugging Face's.

It runs in an environment of its own, whose Python ``KGP_TF_PYTHON`` names: one with
``kgplatform[tf]`` installed.
"""

# ruff: noqa: RUF001

import importlib.util
import json
import os
import subprocess

import pytest

from kgplatform.errors import UsageError
from kgplatform.text.encode import load_encoder

TEXTS = [
    "",
    " ",
    "The quick brown fox jumps over the lazy dog.",
    "Łódź, Straße, İstanbul, Ångström, naïve café: e\u0301 and é",
    "北京 is 中国's capital; こんにちは 한국어 ไทย हिन्दी العربية",
    "tabs\tand\nnewlines\r\n and\u00a0spaces\u2003of\u200bsome kinds\x00\x07\ufffd",
    "emoji 😀👩‍👩‍👧 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "a-b_c (d) [e] {f} <g> \"h\" 'i' `j` ^k~ l|m\\n/o $p +q =r €s §t …u —v",
    "don't U.S.A. 3.14 10,000 x86-64 C++ @user #tag http://example.org/?q=1&r=2",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x" * 100 + " " + "y" * 101 + " " + "ж" * 60 + " " + "한" * 101,
    "word " * 400,
    "lone \ud800 surrogate",
]


def test_without_the_extra_the_error_says_what_to_install() -> None:
    if importlib.util.find_spec("tensorflow_text"):
        pytest.skip("TensorFlow Text is installed here")
    with pytest.raises(UsageError, match="not installed") as raised:
        load_encoder(tokenizer="tensorflow")
    assert "kgplatform[tf]" in raised.value.hint


def test_ids_and_places_are_those_of_hugging_face() -> None:
    python = os.environ.get("KGP_TF_PYTHON")
    if not python:
        pytest.skip("KGP_TF_PYTHON names no Python with kgplatform[tf]")
    script = (
        "import json, sys\n"
        "from kgplatform.text.encode import load_encoder\n"
        "cut = load_encoder(tokenizer='tensorflow').tokens(json.load(sys.stdin))\n"
        "json.dump([each.tolist() for each in (cut.ids, cut.mask, cut.offsets)], sys.stdout)\n"
    )
    ran = subprocess.run(
        [python, "-c", script], input=json.dumps(TEXTS), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    expected = load_encoder().tokens(TEXTS)
    ids, mask, offsets = json.loads(ran.stdout.splitlines()[-1])
    assert mask == expected.mask.tolist()
    for text, given, wanted in zip(TEXTS, ids, expected.ids.tolist(), strict=True):
        assert given == wanted, text
    for text, given, wanted in zip(TEXTS, offsets, expected.offsets.tolist(), strict=True):
        assert given == wanted, text
