"""A server that speaks the protocol of language models, on loopback, and answers as a careful reader would.

A script gives faults: what the n-th request gets instead, or what a request gets whose text holds some words. It counts
what it answers, so that a ledger can be held against it.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

MODEL = "reader-1"
PRICES = {"as_of": "2026-01-01", "usd_per_million_tokens": {MODEL: {"input": "2.5", "output": "10"}}}
CODES = {"nodule": "2d", "effusion": "2e", "emphysema": "1c", "atelectasis": "2b", "fracture": "4a"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(?: x (\d+(?:\.\d+)?))? (mm|cm)")


@dataclass(frozen=True)
class Reply:
    """What a request gets: a status with a body, after some seconds; `cut` closes the connection within the body."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    cut: bool = False


Fault = Callable[["Asked"], Reply]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    stage: str
    text: str
    """The last message."""
    body: dict[str, Any]
    key: str

    @property
    def parameters(self) -> dict[str, Any]:
        return {name: value for name, value in self.body.items() if name != "messages"}

    @property
    def repairs(self) -> bool:
        return "had faults" in self.text

    @property
    def question(self) -> str:
        return self.text.split("\n\nYour last answer")[0]


@dataclass
class ModelServer:
    """The server, its script, and what it counted."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    faults: list[Fault | None] = field(default_factory=list)
    """What the next requests get, one after another; None is a good answer."""
    faults_by_words: dict[str, Fault] = field(default_factory=dict)
    name: str = MODEL
    """What it calls itself."""
    headers: dict[str, str] = field(default_factory=dict)
    slow_s: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            fault = self.faults.pop(0) if self.faults else None
        if fault is None:
            fault = next((each for words, each in self.faults_by_words.items() if words in asked.text), None)
        return fault(asked) if fault else self.good(asked)

    def good(self, asked: Asked) -> Reply:
        return self.completion(asked, json.dumps(answer(asked.stage, asked.question)))

    def completion(self, asked: Asked, content: str | None, **choice: Any) -> Reply:
        """Answer with a content, and count its tokens."""
        tokens_in = sum(len(each["content"]) for each in asked.body["messages"]) // 4
        tokens_out = len(content or "") // 4
        with self._lock:
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out
        message = {"role": "assistant", "content": content, "refusal": choice.pop("refusal", None)}
        body = {
            "id": "c-1",
            "object": "chat.completion",
            "created": 0,
            "model": self.name,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
            "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": 0},
        }
        return Reply(body=json.dumps(body).encode(), headers=self.headers, after_s=self.slow_s)


def error(status: int, code: str, **headers: str) -> Fault:
    """Refuse with an error of the protocol, whose words repeat the question."""

    def fault(asked: Asked) -> Reply:
        body = {"error": {"message": f"no: {asked.text}", "type": code, "code": code, "param": None}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, json.dumps(body).encode(), named)

    return fault


def answer(stage: str, text: str) -> dict[str, Any]:
    """Read as the examples of the prompts do."""
    if stage == "rewrite":
        return _rewrite(text)
    if stage == "extract":
        return _extract(text)
    if stage == "describe":
        return {"descriptors": list(_describe(text))}
    code = next((code for word, code in CODES.items() if word in text.lower()), None)
    return {"code": code, "score": None if code is None else 0.9, "alternatives": []}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for line in text.splitlines():
        number, _, words = line.split(" ", 2)
        yield int(number), words


def _rewrite(text: str) -> dict[str, Any]:
    said, dropped, undecided = [], [], []
    for number, words in _lines(text):
        if "recommended" in words:
            dropped.append({"sentence": number, "reason": "recommendation"})
        elif "???" in words:
            undecided.append(number)
        else:
            said.append({"text": words, "region": "lungs", "sources": [{"sentence": number, "score": 1.0}]})
    return {"sentences": said, "dropped": dropped, "undecided": undecided}


def _extract(text: str) -> dict[str, Any]:
    seen, dropped = [], []
    for number, words in _lines(text):
        if "normal" in words:
            dropped.append({"sentence": number, "reason": "normal"})
        else:
            present = not words.startswith("No ")
            phrase = words.removeprefix("No ").rstrip(".")
            prior = "stable" in words.lower()
            seen.append({"phrase": phrase, "present": present, "refers_to_prior": prior, "sentences": [number]})
    return {"observations": seen, "dropped": dropped, "undecided": []}


def _describe(text: str) -> Iterator[dict[str, Any]]:
    nothing = {"sizes_mm": None, "number": None}
    for size in _SIZE.finditer(text):
        sizes = [float(each) * (10 if size[3] == "cm" else 1) for each in size.groups()[:2] if each]
        yield {"kind": "size", "value": size[0], "sizes_mm": sizes, "number": None, "quote": size[0]}
    for side in re.finditer("left|right", text):
        yield {"kind": "side", "value": side[0], "quote": side[0], **nothing}


@contextmanager
def running_model_server() -> Iterator[ModelServer]:
    """Run a server until the block ends."""
    model = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/chat/completions"
            stage = body["response_format"]["json_schema"]["name"]
            asked = Asked(stage, body["messages"][-1]["content"], body, self.headers["Authorization"])
            self._send(model.reply(asked))

        def _send(self, reply: Reply) -> None:
            time.sleep(reply.after_s)
            try:
                self.send_response(reply.status)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
                self.close_connection = self.close_connection or reply.cut
            except ConnectionError:
                self.close_connection = True  # who asked did not wait

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()
