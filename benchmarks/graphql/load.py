"""Clients that ask one query over and over on kept connections, and how long each answer took."""

import asyncio
import time
from dataclasses import dataclass

import orjson


@dataclass(frozen=True)
class Load:
    """What so many clients saw in so many seconds."""

    clients: int
    seconds: float
    took_ms: list[float]

    @property
    def a_second(self) -> float:
        """Answers."""
        return len(self.took_ms) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """The time within which so many of the answers came."""
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def put_load(port: int, path: str, body: dict[str, object], *, clients: int, seconds: float) -> Load:
    """Ask a query as so many clients for so long.

    Raises:
        RuntimeError: an answer is not 200, or holds errors.
    """
    return asyncio.run(_put_load(port, path, orjson.dumps(body), clients, seconds))


async def _put_load(port: int, path: str, body: bytes, clients: int, seconds: float) -> Load:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    request, took = "\r\n".join([*lines, "", ""]).encode() + body, list[float]()
    start = time.perf_counter()
    await asyncio.gather(*(_client(port, request, start + seconds, took) for _ in range(clients)))
    return Load(clients, time.perf_counter() - start, took)


async def _client(port: int, request: bytes, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < until:
        writer.write(request)
        status, answer = await _answer(reader)
        if status != 200 or b'"errors"' in answer[:200]:
            raise RuntimeError(f"{status}: {answer[:500]!r}")
        took.append((time.perf_counter() - start) * 1000)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in head:
        return status, await _chunks(reader)
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return status, await reader.readexactly(length)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)
