"""The ledger: what is on the disk is whole, and damage is refused and not passed over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nivel.runtime.errors import RunError
from nivel.runtime.prompting import Ledger, ask
from nivel.runtime.prompting.ledger import read_ledger

from .kit import answer, at, cells_of, folder, lines
from .server import serve

CELLS = cells_of(at("http://127.0.0.1:1"), 8)


def written(path: Path, count: int = 3) -> Path:
    """A ledger in which so many cells were sent and answered."""
    file = path / "ledger.jsonl"
    with Ledger(file) as ledger:
        ledger.session()
        for cell in CELLS[:count]:
            ledger.intend([cell])
            ledger.settle(cell, answer(cell, text="zwei\u2028Zeilen\n"))
    return file


def test_what_was_written_is_read_again_and_a_reopened_ledger_goes_on(tmp_path):
    file = written(tmp_path)
    with Ledger(file) as ledger:
        assert {cell.id for cell in CELLS[:3]} == set(ledger.entries)
        assert ledger.entries[CELLS[0].id].answer == answer(CELLS[0], text="zwei\u2028Zeilen\n")
        ledger.intend([CELLS[3]])
    entries, _ = read_ledger(file)
    assert [entries[cell.id].open for cell in CELLS[:4]] == [0, 0, 0, 1]


@pytest.mark.parametrize("keep", [0.999, 0.9, 0.5, 0.01])
def test_a_last_line_that_a_crash_cut_off_is_taken_away_and_its_cell_is_open(tmp_path, keep):
    file = written(tmp_path)
    whole = file.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    file.write_bytes(whole[: start + int(keep * (len(whole) - start - 1))])
    with Ledger(file) as ledger:
        assert ledger.entries[CELLS[2].id].open == 1
        assert ledger.entries[CELLS[1].id].answer is not None
    assert file.read_bytes() == whole[:start]


def test_a_cut_at_every_byte_loses_at_most_the_line_that_it_cut(tmp_path):
    file = written(tmp_path, 1)
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with Ledger(file):
            pass
        assert file.read_bytes() == whole[: whole.rfind(b"\n", 0, size) + 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(b'"type"', b'"ty\x00e"', 1),
        lambda text: text.replace(b"}\n", b"\n", 1),
        lambda text: text.replace(b"\n", b"\n\n", 1),
        lambda text: text.replace(b"\n", b"", 1),
        lambda text: text[:60] + b"\0" * 100 + text[160:],
        lambda text: b'"text"\n' + text,
        lambda text: text.replace(b'"intent"', b'"intend"', 1),
        lambda text: text.replace(b'"result"', b'"intent"', 1),
        lambda text: text.replace(b'"finish"', b'"finisH"', 1),
        lambda text: text.replace(b'"version":1', b'"version":2', 1),
        lambda text: text.replace(b'"at":', b'"At":', 1),
        lambda text: b"[" * 100_000 + b"\n" + text,
        lambda text: text.split(b"\n", 2)[2],
    ],
)
def test_damage_before_the_last_line_is_refused_with_its_place(tmp_path, damage):
    file = written(tmp_path)
    spoilt = damage(file.read_bytes())
    file.write_bytes(spoilt)
    with pytest.raises(RunError, match=r"ledger\.jsonl:[12345] .*(damaged|no record)"):
        Ledger(file)
    assert file.read_bytes() == spoilt, "what is refused is left as it was found"


def test_a_second_process_is_refused_while_the_first_one_writes_and_let_in_after(tmp_path):
    code = f"""
import sys
from pathlib import Path
from nivel.runtime.prompting import Ledger
with Ledger(Path({str(tmp_path / "ledger.jsonl")!r})) as ledger:
    print("open", flush=True)
    sys.stdin.readline()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "open\n"
    with serve() as server:
        endpoint = at(server.url)
        with pytest.raises(RunError, match="another process is writing"):
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 2))
        assert server.seen == []
        child.kill()
        child.communicate()
        assert len(ask(folder(tmp_path), [endpoint], cells_of(endpoint, 2))) == 2


FULL = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
from nivel.runtime.errors import NivelError
from nivel.runtime.prompting import ask
from tests.runtime.prompting.kit import at, cells_of
endpoint = at(sys.argv[1], concurrency=8)
cells = cells_of(endpoint, 200)
run = SimpleNamespace(folder=Path(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    ask(run, [endpoint], cells)
except NivelError as error:
    print(error)
    sys.exit(3)
"""


def ask_with_room(path: Path, url: str, size: int) -> subprocess.CompletedProcess[str]:
    """Ask in a process that may write no file beyond `size` bytes, as on a disk that is full."""
    return subprocess.run(
        [sys.executable, "-c", FULL, url, str(path), str(size)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_disk_that_is_full_leaves_whole_records_ends_the_run_and_can_be_gone_on_from(tmp_path):
    with serve() as server:
        # As long as cells.jsonl, which is written first, and some: 16 sizes, 16 places to stop.
        whole = ask_with_room(tmp_path / "measure", server.url, 1 << 30)
        assert whole.returncode == 0, whole.stderr
        least = (tmp_path / "measure" / "cells.jsonl").stat().st_size
        most = (tmp_path / "measure" / "ledger.jsonl").stat().st_size
        assert least < most
        for step in range(3):
            size = least + 1 + step * (most - least) // 3 + 7 * step
            server.paid.clear()
            run = tmp_path / str(step)
            ended = ask_with_room(run, server.url, size)
            assert ended.returncode == 3, ended.stderr
            assert "cannot be written: File too large" in ended.stdout
            assert "make room and run again" in ended.stdout
            assert (run / "ledger.jsonl").read_bytes().endswith(b"\n")
            entries, _ = read_ledger(run / "ledger.jsonl")
            unsaid = sum(entry.open for entry in entries.values())
            assert unsaid <= 10, "those that were in hand"
            assert ask_with_room(run, server.url, 1 << 30).returncode == 0
            assert len(server.paid) == 200
            assert sum(server.paid.values()) - 200 <= unsaid
            good = [
                line["cell"] for line in lines(run / "ledger.jsonl") if line["type"] == "result"
            ]
            assert len(good) == len(set(good)) == 200


def test_a_disk_that_is_full_before_the_first_call_leaves_nothing_and_sends_nothing(tmp_path):
    with serve() as server:
        ended = ask_with_room(tmp_path / "run", server.url, 1000)
    assert ended.returncode == 3 and "Traceback" not in ended.stderr, ended.stderr
    assert "cells.jsonl cannot be written: File too large" in ended.stdout
    assert server.seen == [] and list((tmp_path / "run").iterdir()) == []


def test_sigterm_lets_calls_under_way_end_and_the_rest_wait_for_the_next_run(tmp_path):
    with serve(latency=0.3) as server:
        command = [sys.executable, "-c", FULL, server.url, str(tmp_path), "-1"]
        child = subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE)
        until = time.monotonic() + 30
        while not server.seen and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        said = child.communicate(timeout=30)[1].decode()
        assert child.returncode == 128 + signal.SIGTERM and "waiting for answers under way" in said
        results = [line for line in lines(tmp_path / "ledger.jsonl") if line["type"] == "result"]
        assert len(results) == len(server.seen) <= 10
        assert all(line["error"] is None for line in results if not line["lost"])
        entries, _ = read_ledger(tmp_path / "ledger.jsonl")
        assert sum(entry.open for entry in entries.values()) == 0


def test_many_threads_share_the_disk_and_no_line_is_lost_or_torn(tmp_path):
    many = cells_of(at("http://127.0.0.1:1"), 400)
    file = tmp_path / "ledger.jsonl"
    with Ledger(file) as ledger:
        left = iter(many)
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    cell = next(left, None)
                if cell is None:
                    return
                ledger.intend([cell])
                assert cell.id.encode() in file.read_bytes(), "the intent is written first"
                ledger.settle(cell, answer(cell, text="x" * 500))

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "nobody waits for ever"
    entries, _ = read_ledger(file)
    assert all(entries[cell.id].open == 0 and entries[cell.id].answer for cell in many)
    assert len(lines(file)) == 800


def test_a_result_is_with_the_system_as_soon_as_it_is_told(tmp_path):
    """kill -9 right after `settle` loses nothing, though no fsync has been waited for."""
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for cell in CELLS:
            ledger.intend([cell])
            ledger.settle(cell, answer(cell))
            last = json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[-1])
            assert (last["type"], last["cell"]) == ("result", cell.id)


def test_a_ledger_that_cannot_be_written_says_so_to_all_that_wait(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    told: list[str] = []
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, ledger._file)
    os.close(full)

    def work(place: int) -> None:
        try:
            ledger.intend([CELLS[place]])
        except RunError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(told) == 8 and all("cannot be written" in text for text in told)
    with pytest.raises(RunError):
        ledger.close()
