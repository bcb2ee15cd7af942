"""Time `ask` against a server that answers after a fixed time, beside other ways to call it.

    python bench/calls.py [--calls 1000] [--concurrency 64] [--milliseconds 50] [--rounds 5]

The server is a process of its own, on raw sockets; it generates nothing and waits. The ideal rate
is concurrency / latency; with so many calls that the last round is not full, a little less can be
had, which is given too. The ways:

- `ask`: all that a run does: cells.jsonl, the ledger with its fsyncs, the calls, the accounts;
- `calls`: from the first intent on the disk to the last result in the ledger, of the same runs;
- `http.client`: the same requests from as many threads and nothing else: what can be had in Python;
- `openai`: the openai package, asynchronous, its retries off, nothing written.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

COMPLETION = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Something of it."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
}


class Waiting(asyncio.Protocol):
    """Answers every request on a connection after a fixed time."""

    seconds = 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.data = transport, b""
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
            if len(self.data) < end + 4 + size:
                return
            self.data = self.data[end + 4 + size :]
            self.loop.call_later(self.seconds, self.transport.write, REPLY)


BODY = json.dumps(COMPLETION).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


async def wait_on(milliseconds: float) -> None:
    """Serve until killed; the first line of output is the port."""
    Waiting.seconds = milliseconds / 1e3
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Waiting, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def server(milliseconds: float) -> Iterator[int]:
    """Start the server; give its port."""
    command = [sys.executable, __file__, "--serve", "--milliseconds", str(milliseconds)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()


def time_ask(port: int, calls: int, concurrency: int) -> tuple[float, float]:
    """Return the seconds of a whole `ask`, and of its calls alone."""
    from nivel.runtime.data.rows import Row
    from nivel.runtime.prompting import Endpoint, Generation, Question, ask, make_cells

    rows = [Row(f"r{index}", {"text": f"item {index}"}, None) for index in range(calls)]
    backend = Endpoint(
        "m", base_url=f"http://127.0.0.1:{port}/v1", model="tiny", concurrency=concurrency
    )
    said = Generation(temperature=0.0, max_tokens=16)
    cells = make_cells(rows, [backend], {"base": Question("Say something of {{ text }}.")}, said)
    with tempfile.TemporaryDirectory(dir=".") as folder, contextlib.redirect_stderr(io.StringIO()):
        began = time.perf_counter()
        answers = ask(SimpleNamespace(folder=Path(folder)), [backend], cells)
        whole = time.perf_counter() - began
        assert len(answers) == calls and answers.accounts.whole.answered == calls
        lines = (Path(folder) / "ledger.jsonl").read_text("utf-8").splitlines()
    times = [json.loads(line)["at"] for line in lines if '"type":"session"' not in line]
    return whole, max(times) - min(times)


def time_threads(port: int, calls: int, concurrency: int) -> float:
    """Return the seconds of the bare calls by http.client."""
    left = iter(range(calls))
    lock = threading.Lock()

    def work() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            headers = {"Content-Type": "application/json"}
            line.request("POST", "/v1/chat/completions", json.dumps(REQUEST), headers)
            assert json.loads(line.getresponse().read())["choices"]

    threads = [threading.Thread(target=work) for _ in range(concurrency)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


REQUEST = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "Say something of item 1."}],
    "temperature": 0.0,
    "max_tokens": 16,
}


def time_openai(port: int, calls: int, concurrency: int) -> float:
    """Return the seconds of the bare calls by the openai package."""
    import openai

    async def work(client: openai.AsyncOpenAI, left: Iterator[int]) -> None:
        for _ in left:
            found = await client.chat.completions.create(**REQUEST)
            assert found.choices[0].finish_reason == "stop"

    async def run() -> float:
        url = f"http://127.0.0.1:{port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            left = iter(range(calls))
            began = time.perf_counter()
            await asyncio.gather(*(work(client, left) for _ in range(concurrency)))
            return time.perf_counter() - began

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--milliseconds", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(wait_on(given.milliseconds))
        return
    times: dict[str, list[float]] = {"ask": [], "calls": [], "http.client": [], "openai": []}
    ways: list[tuple[str, Callable[..., float]]] = [
        ("http.client", time_threads),
        ("openai", time_openai),
    ]
    with server(given.milliseconds) as port:
        for _ in range(given.rounds):
            whole, calls = time_ask(port, given.calls, given.concurrency)
            times["ask"].append(whole)
            times["calls"].append(calls)
            for name, way in ways:
                times[name].append(way(port, given.calls, given.concurrency))
    show(times, given.calls, given.concurrency, given.milliseconds / 1e3)


def show(times: dict[str, list[float]], calls: int, concurrency: int, latency: float) -> None:
    ideal = concurrency / latency
    full = calls / (math.ceil(calls / concurrency) * latency)
    print(f"ideal {ideal:,.0f} calls/s; with whole rounds {full:,.0f}")
    for name, seconds in times.items():
        rates = sorted(calls / each for each in seconds)
        middle = statistics.median(rates)
        print(
            f"{name:12} median {middle:6,.0f} calls/s = {middle / ideal:4.0%} of the ideal, "
            f"{rates[0]:,.0f} to {rates[-1]:,.0f} in {len(rates)} rounds"
        )


if __name__ == "__main__":
    main()
