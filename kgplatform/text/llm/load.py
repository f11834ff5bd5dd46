"""Language models by name: ``gguf:PATH``, ``hf:NAME``, ``openai:MODEL`` or an address."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import SecretStr

from kgplatform.errors import InputError, LanguageModelError, UsageError
from kgplatform.settings import Settings, load_settings
from kgplatform.text.llm.cache import CachedModel
from kgplatform.text.llm.cost import MeteredModel, Price
from kgplatform.text.llm.protocol import LanguageModel

OPENAI_URL = "https://api.openai.com/v1"
_HINT = "gguf:PATH, hf:FOLDER-OR-NAME, openai:MODEL, or an address such as http://localhost:8000/v1"
_HASH = re.compile(r"#sha256=(.*)$")


def load_model(
    name: str, folder: Path | None = None, settings: Settings | None = None
) -> MeteredModel:
    """A language model by name, its answers counted and, with a folder, kept.

    Args:
        name: ``gguf:PATH``, with ``#sha256=HEX`` to have the file checked; ``hf:FOLDER`` or
            ``hf:NAME`` of the hub; ``openai:MODEL`` at ``KGP_LLM_BASE_URL`` (OpenAI's own without
            one); or an endpoint's address, for ``KGP_LLM_MODEL`` or the only model it has.
        folder: Where answers are kept, for example in the run's folder. Who asks the same again,
            of the same model, gets them from there.
        settings: Those of the process if not given.

    Raises:
        UsageError: No such kind of model, a package is missing, or an address cannot be used.
        InputError: There is no such file or model, it is damaged, or its hash is another.
        LanguageModelError: An endpoint that must say what it has gives no answer.
    """
    settings = settings or load_settings()
    model = _model(name, settings)
    price = None
    if settings.kgp_llm_price_in is not None or settings.kgp_llm_price_out is not None:
        price = Price(settings.kgp_llm_price_in or 0.0, settings.kgp_llm_price_out or 0.0)
    return MeteredModel(model if folder is None else CachedModel(model, folder), price)


def _model(name: str, settings: Settings) -> LanguageModel:
    kind, _, rest = name.partition(":")
    if kind in ("http", "https"):
        return _endpoint_model(name, settings.kgp_llm_model, settings)
    if not rest:
        raise UsageError(f"no such language model: {name!r}", hint=_HINT)
    if kind == "openai":
        return _endpoint_model(settings.kgp_llm_base_url or OPENAI_URL, rest, settings)
    if kind == "gguf":
        return _gguf_model(rest, settings)
    if kind == "hf":
        from kgplatform.text.llm.hf_model import HuggingFaceModel

        return HuggingFaceModel(rest)
    raise UsageError(f"no such kind of language model: {kind!r}", hint=_HINT)


def _gguf_model(rest: str, settings: Settings) -> LanguageModel:
    from kgplatform.text.llm.gguf_model import GgufModel

    wanted = _HASH.search(rest)
    path = Path(_HASH.sub("", rest)).expanduser()
    if wanted is not None and path.is_file():
        _check_hash(path, wanted[1].lower())
    return GgufModel(path, context=settings.kgp_llm_context, threads=settings.kgp_llm_threads)


def _check_hash(path: Path, wanted: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise InputError(
            f"{path} has the SHA-256 {found}, not {wanted}",
            hint="get the file again, or correct the hash after #sha256=",
        )


def _endpoint_model(url: str, model: str | None, settings: Settings) -> LanguageModel:
    from kgplatform.text.llm.openai_model import Endpoint, OpenAIModel

    endpoint = Endpoint(
        url=url,
        key=_key(url, settings),
        timeout=settings.kgp_llm_timeout,
        concurrency=settings.kgp_llm_concurrency,
        requests_a_minute=settings.kgp_llm_requests_a_minute,
    )
    if model is not None:
        return OpenAIModel(model, endpoint)
    known = OpenAIModel("", endpoint).models()
    if len(known) != 1:
        listed = ", ".join(sorted(known)[:20]) or "none"
        raise LanguageModelError(
            f"the endpoint {url} has {len(known)} models: {listed}",
            hint="name one in KGP_LLM_MODEL",
        )
    return OpenAIModel(known[0], endpoint)


def _key(url: str, settings: Settings) -> SecretStr | None:
    """The key that may go to an address.

    OpenAI's is in many people's environment for other programs: it is for OpenAI alone, not for
    whatever address somebody tries out.
    """
    if settings.kgp_llm_api_key is not None:
        return settings.kgp_llm_api_key
    return settings.openai_api_key if url.rstrip("/") == OPENAI_URL else None
