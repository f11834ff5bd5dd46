"""Models in a GGUF file, run in this process by llama.cpp (the package xllamacpp)."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from pathlib import Path

from kgplatform.errors import InputError, LanguageModelError, PromptTooLongError, UsageError
from kgplatform.text.llm.gguf_stream import Stream
from kgplatform.text.llm.listen import UnheardError
from kgplatform.text.llm.openai_wire import body_of
from kgplatform.text.llm.protocol import Answer, Request

MAGIC = b"GGUF"
SAMPLES = 64
SAMPLE_BYTES = 1 << 20


class GgufModel:
    """A model in a file.

    Answers keep a request's JSON schema: the engine makes a grammar of it and lets no other token
    through. One request is answered at a time, each with all threads; what a request has in common
    with the one before is not read again. A small model often goes in circles: an answer in JSON
    that has the same object twice is stopped there.

    Attributes:
        name: The file's name.
        digest: Of its contents.
        context: Tokens that it holds at once, prompt and answer together.
    """

    concurrency = 1

    def __init__(self, path: Path, *, context: int = 4_096, threads: int | None = None) -> None:
        self.name = path.name
        self.context = context
        _check(path)
        self.digest = hashlib.sha256(
            f"gguf\n{sampled_digest(path)}\n{context}".encode()
        ).hexdigest()
        try:
            import xllamacpp
        except ImportError:
            raise UsageError(
                "a model in a GGUF file needs the package xllamacpp",
                hint="pip install 'kgplatform[llm]'",
            ) from None
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel = context, 1
        if threads is not None:
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        # Prompts of other documents are of no use again; the engine would keep 8 GB of them.
        params.cache_ram_mib = 0
        params.warmup, params.verbosity = False, -1
        # The engine listens whether one wants it or not: on loopback, to nobody.
        params.hostnames, params.port, params.ui = ["127.0.0.1"], 0, False
        params.api_keys = [secrets.token_hex(16)]
        self._guard = threading.Lock()
        try:
            self._server = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"language model {path} cannot be loaded: {' '.join(str(error).split())[:300]}",
                hint="the file may be damaged, of a newer format, or larger than the memory",
            ) from None

    def complete(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            PromptTooLongError: Prompt and answer together are longer than the context.
            LanguageModelError: The engine refuses the request.
            UnheardError: The listener wants no more.
        """
        told = {"stream": True, "timings_per_token": True}
        stream = Stream(objects_once=request.schema is not None)
        with self._guard:
            begun = time.monotonic()
            try:
                self._server.handle_chat_completions(body_of(self.name, request) | told, stream)
            except (RuntimeError, ValueError) as error:
                raise _refused(self.name, str(error)) from None
            seconds = time.monotonic() - begun
        if stream.unheard:
            raise UnheardError
        if stream.problem is None:
            return stream.answer(seconds)
        if "context size" in stream.problem:
            raise PromptTooLongError(
                f"{self.name} cannot read as much at once: {stream.problem}",
                hint="set KGP_LLM_CONTEXT to more tokens",
            )
        raise _refused(self.name, stream.problem)


def sampled_digest(path: Path) -> str:
    """SHA-256 of a file's size and of pieces all over it, hexadecimal.

    Weights of another training differ everywhere, so that pieces tell as well as all of a file of
    many gigabytes; they do not tell a file that somebody means to pass for another.
    """
    size = path.stat().st_size
    sha = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for at in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * at // (SAMPLES - 1))
            sha.update(file.read(SAMPLE_BYTES))
    return sha.hexdigest()


def _check(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no language model at {path}", hint="check the path")
    if not os.access(path, os.R_OK):
        raise InputError(f"language model {path} cannot be read", hint="check its permissions")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(
                f"{path} is not a GGUF file",
                hint="llama.cpp's convert_hf_to_gguf.py makes one of a Hugging Face model",
            )


def _refused(name: str, detail: str) -> LanguageModelError:
    words = " ".join(detail.split())[:300]
    return LanguageModelError(f"language model {name} gives no answer: {words}")
