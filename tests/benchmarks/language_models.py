"""What reading facts by a language model costs beside the model: its own work, and a repetition.

A server in another process plays an OpenAI-compatible endpoint that takes 50 ms an answer and
gives two facts of each text, both of them in it. The same texts are read with 1, 4 and 16 requests
at once, then again from the answers that were kept.

    OMP_NUM_THREADS=1 python tests/benchmarks/language_models.py
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from kgplatform.text.extract.llm_extractor import llm_extractor
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.llm.cache import CachedModel
from kgplatform.text.llm.cost import MeteredModel
from kgplatform.text.llm.openai_model import Endpoint, OpenAIModel

LATENCY = 0.05
RELATIONS = {
    "born_in": RelationType("born_in", ("Person",), ("Place",)),
    "died_in": RelationType("died_in", ("Person",), ("Place",)),
}


class Handler(BaseHTTPRequestHandler):
    """Says that the person of a text was born in one place and died in the other."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = body["messages"][-1]["content"].split(">>>\n")[1].split()
        facts = [
            {"head": words[0], "relation": "born_in", "tail": words[4].rstrip(".")},
            {"head": words[0], "relation": "died_in", "tail": words[8].rstrip(".")},
        ]
        time.sleep(LATENCY)
        choice = {"message": {"content": json.dumps({"facts": facts})}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 300, "completion_tokens": 40}
        content = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


def serve(tell: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.request_queue_size = 64
    tell.send(server.server_port)
    server.serve_forever()


def read(url: str, folder: Path, texts: list[str], at_once: int) -> None:
    schema = Schema({"Person": "", "Place": ""}, RELATIONS)
    kept = CachedModel(OpenAIModel("played", Endpoint(url, concurrency=at_once)), folder)
    model = MeteredModel(kept)
    begun, worked = time.monotonic(), time.process_time()
    facts = [fact for found in llm_extractor(model, schema)(texts) for fact in found]
    took, work = time.monotonic() - begun, time.process_time() - worked
    assert len(facts) == 2 * len(texts)
    assert not any(fact.invented for fact in facts)
    usage = model.usage
    print(
        f"| {at_once} | {usage.requests} | {usage.cached} | {len(texts) / took:.0f} "
        f"| {1_000 * work / len(texts):.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=500)
    number = parser.parse_args().texts
    texts = [
        f"Person{i} was born in Town{i}. Person{i} died in City{i}, far away, in 18{i % 90 + 10}."
        for i in range(number)
    ]
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    print(
        "| at once | requests | kept | texts a second | own CPU ms a text |\n|---|---|---|---|---|"
    )
    for at_once in (1, 4, 16):
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                read(url, Path(folder), texts, at_once)
    server.terminate()


if __name__ == "__main__":
    main()
