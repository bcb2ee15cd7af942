"""A real yaml-language-server over its standard input and output, as editors run it.

`npm ci` puts the servers of package.json into node_modules here, once; without Node, npm or a
registry these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
SERVERS = {"newest": "yaml-language-server", "draft-07": "yaml-language-server-draft-07"}
PATIENCE = 30


def _install() -> str | None:
    """Install the servers where they are missing; return why that is not possible, or None."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no node or npm on this machine"
    if all((MODULES / name).is_dir() for name in SERVERS.values()):
        return None
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            ["npm", "ci", *options], cwd=HERE, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return "npm ci took more than 2 minutes"
    said = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
    return None if done.returncode == 0 else f"npm ci: {(said or ['no message'])[0]}"


@pytest.fixture(scope="session")
def installed() -> None:
    """Skip what follows where the servers cannot be had."""
    why_not = _install()
    if why_not is not None:
        pytest.skip(why_not)


@pytest.fixture(scope="module", params=SERVERS)
def server(request, installed, tmp_path_factory) -> Iterator[Server]:
    """A running server whose project was made by `nivel init`."""
    from nivel.cli.init import project_files

    project = tmp_path_factory.mktemp("project")
    for path, text in project_files().items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    running = Server(SERVERS[request.param], project)
    yield running
    running.stop()


class Server:
    """One server process and what it said; a document is opened by its text."""

    def __init__(self, package: str, project: Path) -> None:
        self.project = project
        self._opened = self._asked = 0
        self._answers: Queue[dict[str, Any]] = Queue()
        self._found: Queue[dict[str, Any]] = Queue()
        program = MODULES / package / "bin" / "yaml-language-server"
        self._process = subprocess.Popen(
            ["node", str(program), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._start()

    def _start(self) -> None:
        markdown = {"contentFormat": ["markdown"]}
        item = {"snippetSupport": True, "documentationFormat": ["markdown"]}
        abilities = {"textDocument": {"hover": markdown, "completion": {"completionItem": item}}}
        root = self.project.as_uri()
        start = {"processId": os.getpid(), "rootUri": root, "capabilities": abilities}
        self._request("initialize", start)
        self._notify("initialized", {})
        wanted = {"schemaStore": {"enable": False}, "validate": True, "hover": True}
        self._notify("workspace/didChangeConfiguration", {"settings": {"yaml": wanted}})

    def stop(self) -> None:
        """End the process as an editor does."""
        self._request("shutdown", None)
        self._notify("exit", None)
        self._process.wait(timeout=PATIENCE)

    def open(self, text: str, path: str | None = None) -> str:
        """Open `text` as a spec beside the quickstart's; return its URI.

        The modeline stands above it, so line 1 of the file is line 0 of `text`.
        """
        from nivel.compiler.editor import modeline

        self._opened += 1
        path = path or f"specs/quickstart/opened-{self._opened}.yaml"
        uri = (self.project / path).as_uri()
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": modeline(path) + text}
        self._notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def faults(self, text: str, path: str | None = None) -> list[tuple[int, int, str]]:
        """Return (line, column, message) of what the server finds in `text`, lines as in it."""
        uri = self.open(text, path)
        while True:
            try:
                said = self._found.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"no diagnostics for {uri}") from None
            if said["uri"] == uri:
                break
        found = [(one["range"]["start"], one["message"]) for one in said["diagnostics"]]
        return [(at["line"] - 1, at["character"], message) for at, message in found]

    def completions(self, marked: str) -> dict[str, str]:
        """Return label -> inserted text of what is offered where `marked` has a `|`."""
        text, line, column = _cursor(marked)
        at = {"textDocument": {"uri": self.open(text)}, "position": _position(line, column)}
        answer = self._request("textDocument/completion", at)
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: item.get("textEdit", {}).get("newText", "") for item in items}

    def hover(self, marked: str) -> str:
        """Return the text shown for the word at the `|` in `marked`."""
        text, line, column = _cursor(marked)
        at = {"textDocument": {"uri": self.open(text)}, "position": _position(line, column)}
        answer = self._request("textDocument/hover", at)
        return answer["contents"]["value"] if answer else ""

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._found.put(message["params"])
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._own_answer(message)})
        elif "id" in message:
            self._answers.put(message)

    def _own_answer(self, message: dict[str, Any]) -> Any:
        """Answer what a server asks of its editor: the settings, above all."""
        if message["method"] != "workspace/configuration":
            return None
        return [None for _ in message["params"]["items"]]

    def _request(self, method: str, params: Any) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while True:
            answer = self._answers.get(timeout=PATIENCE)
            if answer["id"] == self._asked:
                assert "error" not in answer, answer
                return answer["result"]

    def _notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()


def _position(line: int, column: int) -> dict[str, int]:
    return {"line": line + 1, "character": column}  # the modeline stands above


def _cursor(marked: str) -> tuple[str, int, int]:
    before, _, after = marked.partition("|")
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1


def placeholders_filled(snippet: str) -> str:
    """Return the text that a snippet leaves when every placeholder keeps its proposal."""
    return re.sub(r"\$\{\d+:([^}]*)\}|\$\d+", r"\1", snippet).replace("\\$", "$")


@pytest.fixture
def filled():
    return placeholders_filled
