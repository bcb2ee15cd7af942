"""The chat in a real terminal, and with lines from a pipe: processes, a pty, signals."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nivel.runtime.chat import Chat, chat_in_terminal

from .kit import at, local_chat
from .streams import CUT, piece, serve, whole

PATIENCE = 60.0
SPEC = """\
nivel: 2
name: talk
level: prompt
model: {{endpoint: {{base_url: "{url}", name: served, type: vllm}}}}
task: {{type: chat}}
generation: {{temperature: 0.5, max_tokens: 64}}
"""


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nivel", "chat", *arguments],
            cwd=folder,
            env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "100"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        self._master, self.said, self._from = master, "", 0

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self, wanted: str, patience: float = PATIENCE) -> str:
        """Read until something matches that has not been waited for yet; return what came."""
        until = time.monotonic() + patience
        while not (found := re.compile(wanted).search(self.said, self._from)):
            left = until - time.monotonic()
            assert left > 0, f"waited in vain for {wanted!r}; there is {self.said!r}"
            if select.select([self._master], [], [], left)[0]:
                self.said += os.read(self._master, 1 << 16).decode().replace("\r\n", "\n")
        came, self._from = self.said[self._from : found.end()], found.end()
        return came

    def interrupt(self, wanted: str) -> str:
        """Press Ctrl-C at the prompt until something matches, and return what came.

        A signal between the prompt's last byte and the call that waits for a key is noticed by
        Python's line editor at the next key or signal alone.
        """
        for patience in (2.0, 10.0, PATIENCE):
            self.type("\x03")
            try:
                return self.wait(wanted, patience)
            except AssertionError as error:
                last = error
        raise last

    def end(self) -> int:
        try:
            return self.process.wait(timeout=20)
        finally:
            self.process.kill()
            os.close(self._master)


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def project(tmp_path) -> Iterator[Path]:
    yield tmp_path


def spec(project: Path, url: str, more: str = "") -> str:
    (project / "talk.yaml").write_text(SPEC.format(url=url) + more)
    return "talk.yaml"


def test_an_interrupt_ends_the_answer_and_the_terminal_goes_on(project):
    def script(body):
        if body["messages"][-1]["content"] == "long":
            return [piece("It begins"), 30.0, *whole("never")]
        return whole("short and good")

    with serve(script) as server:
        terminal = Terminal(project, spec(project, server.url))
        terminal.wait(r"temperature 0\.5, at most 64 tokens\] > ")
        terminal.type("long\n")
        terminal.wait("It begins")
        terminal.type("\x03")
        terminal.wait(r"\(stopped\)\n\[.*\] > ")
        assert server.hung_up.wait(5)
        terminal.type("next\n")
        terminal.wait(r"short and good\n\[.*\] > ")
        terminal.interrupt(r"\n\[.*\] > ")  # at rest it ends nothing
        terminal.type("/temperature 1.25\n")
        terminal.wait(r"\[temperature 1\.25, at most 64 tokens\] > ")
        terminal.type("/nonsense\n")
        terminal.wait(r"there is no command /nonsense")
        terminal.wait(r"\] > ")
        terminal.type("\x04")
        assert terminal.end() == 0
    contents = [one["content"] for one in server.bodies[1]["messages"]]
    assert contents == ["long", "It begins", "next"]  # what was stopped is part of the talk


def test_what_a_model_writes_cannot_drive_the_terminal(project):
    with serve(whole("a\x1b]0;title\x07b", "\x9b2Jc")) as server:
        terminal = Terminal(project, spec(project, server.url))
        terminal.wait("> ")
        terminal.type("hello\n")
        shown = terminal.wait(r"c\n\[")
        terminal.type("/quit\n")
        assert terminal.end() == 0
    assert "\x1b" not in shown and "\x9b" not in shown and "\x07" not in shown


def test_a_fault_is_shown_and_the_terminal_goes_on(project):
    with serve([piece("half "), CUT]) as server:
        terminal = Terminal(project, spec(project, server.url))
        terminal.wait("> ")
        terminal.type("hello\n")
        terminal.wait(r"half \nerror: cut: .*\n +cure: .*\n")
        terminal.wait(r"> ")
        terminal.type("/undo\n")
        terminal.wait("nothing was asked yet")
        terminal.wait(r"> ")  # an end that comes before the prompt is lost with the line before
        time.sleep(0.5)
        terminal.type("\x04")
        assert terminal.end() == 0


def through_a_pipe(project: Path, lines: bytes, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "nivel", "chat", *arguments],
        cwd=project,
        input=lines,
        capture_output=True,
        timeout=PATIENCE,
    )


def test_a_pipe_gets_answers_alone_and_notes_go_to_standard_error(project):
    with serve(lambda body: whole(body["messages"][-1]["content"].upper())) as server:
        done = through_a_pipe(project, b"one\n\n//two\n/tokens\nlast", spec(project, server.url))
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[:2] == ["ONE", "/TWO"]
    assert done.stdout.decode().splitlines()[-1] == "LAST"
    assert b"> " not in done.stdout and b"served" not in done.stdout
    assert server.url.encode() in done.stderr


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (b"/nonsense\nhello\n", 2, b"there is no command"),
        (b"/temperature hot\nhello\n", 3, b"temperature cannot be"),
        (b"caf\xe9\nhello\n", 3, b"UTF-8"),
        (b"", 0, b""),
    ],
)
def test_the_first_fault_of_a_pipe_ends_it(project, lines, code, said):
    with serve(whole("fine")) as server:
        done = through_a_pipe(project, lines, spec(project, server.url))
    assert done.returncode == code and said in done.stderr, done.stderr
    assert server.bodies == [] and b"Traceback" not in done.stderr


def test_an_interrupt_of_a_pipe_ends_it_without_a_traceback(project):
    with serve([piece("It begins"), 30.0]) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "nivel", "chat", spec(project, server.url)],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.read(9) == b"It begins"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and b"Traceback" not in errors


def test_a_reader_that_goes_away_is_no_traceback(project):
    with serve(whole("x" * 100_000)) as server:
        name = spec(project, server.url)
        done = subprocess.run(
            f"printf 'a\\nb\\nc\\n' | {sys.executable} -m nivel chat {name} | head -c 5",
            shell=True,
            cwd=project,
            capture_output=True,
            timeout=PATIENCE,
        )
    assert done.stdout == b"xxxxx" and b"Traceback" not in done.stderr, done.stderr


def test_how_answers_end_is_said(monkeypatch, capsys):
    def talk(chat: Chat, lines: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        assert chat_in_terminal(chat, ("a note",)) == 0
        return capsys.readouterr()

    out, err = talk(local_chat(talks=False, said={"max_tokens": 3}), "one two\n\n\n")
    assert "no chat template" in err and "a note" in err
    assert err.count("(cut at 3 tokens; more with /max_tokens, or with an empty line)") == 3
    with serve(whole()) as server:
        out, err = talk(Chat(at(server.url)), "hello\n")
    assert out == "\n" and "(an empty answer)" in err
    with serve(whole("no", finish="content_filter")) as server:
        out, err = talk(Chat(at(server.url)), "hello\n")
    assert out == "no\n" and "(ended by the endpoint's filter)" in err
