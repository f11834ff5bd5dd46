"""Answers of language models, kept by the hash of what they were asked.

An answer is a file, written whole under another name and then renamed: whatever kills the process
loses the answers that were on their way and no other. Who asks the same again pays nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.parsed import parsed_json
from kgplatform.text.llm.listen import UnheardError, say
from kgplatform.text.llm.protocol import Answer, LanguageModel, Request, Token

FORMAT = 1
"""Goes into every key: answers of another format are not found, instead of misread."""


class CachedModel:
    """A model whose answers are kept in a folder.

    Attributes:
        folder: Where; made if need be. Several models and processes may share it.
    """

    def __init__(self, model: LanguageModel, folder: Path) -> None:
        self.name, self.digest, self.concurrency = model.name, model.digest, model.concurrency
        self.folder = folder
        self._model = model
        self._guard = threading.Lock()
        self._asked: dict[str, Future[Answer]] = {}

    def complete(self, request: Request) -> Answer:
        """The answer that is kept, or the model's.

        What two threads ask at the same time is asked once.

        Raises:
            InputError: The answer cannot be kept: better to stop than to pay for the next one, too.
        """
        key = request_key(self.digest, request)
        path = self.folder / key[:2] / f"{key}.json"
        with self._guard:
            waiting = self._asked.get(key)
            kept = _read(path) if waiting is None else None
            if waiting is None and kept is None:
                mine: Future[Answer] = Future()
                self._asked[key] = mine
        if waiting is not None:
            try:
                kept = replace(waiting.result(), cached=True)
            except UnheardError:
                # Whoever asked first has gone; this one has not.
                return self.complete(request)
        if kept is not None:
            say(kept.text)
            return kept
        try:
            answer = self._model.complete(request)
            self._keep(path, answer)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(answer)
            return answer
        finally:
            with self._guard:
                del self._asked[key]

    def _keep(self, path: Path, answer: Answer) -> None:
        try:
            _write(path, answer)
        except OSError as error:
            raise InputError(
                f"answers cannot be kept in {self.folder}: {error.strerror}",
                hint="make room, or have the folder writable; then ask again to go on",
            ) from None


def request_key(digest: str, request: Request) -> str:
    """SHA-256 of a model and all that it is asked, hexadecimal."""
    asked = json.dumps([FORMAT, digest, asdict(request)], sort_keys=True)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> Answer | None:
    """The answer of a file; one that is damaged is as good as none."""
    try:
        kept: dict[str, Any] = parsed_json(path.read_text(encoding="utf-8"))
        tokens = kept.pop("tokens")
        pieces = None if tokens is None else tuple(Token(str(t), float(p)) for t, p in tokens)
        return Answer(**kept, tokens=pieces, cached=True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(path: Path, answer: Answer) -> None:
    tokens = answer.tokens
    kept = {
        "text": answer.text,
        "prompt_tokens": answer.prompt_tokens,
        "answer_tokens": answer.answer_tokens,
        "finish": answer.finish,
        "seconds": answer.seconds,
        "tokens": tokens and [[token.text, token.log_probability] for token in tokens],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
