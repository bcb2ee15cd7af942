"""Progress on a terminal and in a log."""

import io

import pytest

from nivel.runtime.records import Progress
from nivel.runtime.records import progress as progress_module


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "most_held", lambda: None)
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_five_seconds_and_a_last_one(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress("train", 200, "steps", stream=stream) as progress:
        for step in range(1, 201):
            clock[0] += 0.125
            progress.update(step, loss=2.0 / step)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0] == "train: 40/200 steps, 20%, 8.0/s, 20 s left  loss 0.05"
    assert lines[-1] == "train: 200/200 steps, 100%, 8.0/s, 25 s in all  loss 0.01"


def test_what_takes_long_is_said_by_the_time_of_each_with_memory(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "most_held", lambda: 3 * 2**30)
    stream = io.StringIO()
    progress = Progress("train", 30, "steps", stream=stream)
    clock[0] += 14.0
    progress.update(2, loss=1.5)
    said = "train: 2/30 steps, 7%, 7.0 s a step, 3:16 min left  loss 1.5  memory 3.00 GiB\n"
    assert stream.getvalue() == said


def test_steps_of_an_earlier_process_do_not_make_this_one_fast(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = Progress("train", 100, "steps", done=90, stream=stream)
    clock[0] += 10.0
    progress.update(95)
    assert stream.getvalue() == "train: 95/100 steps, 95%, 2.0 s a step, 10 s left\n"


def test_lines_of_a_long_run_stand_a_minute_apart_at_most(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress("train", 86_400, "steps", stream=stream) as progress:
        for step in range(1, 86_401):
            clock[0] += 1.0
            progress.update(step)
    lines = stream.getvalue().splitlines()
    assert 86_400 / 60 < len(lines) < 1.1 * 86_400 / 60


def test_a_row_waits_for_those_that_are_asked_with_it(clock: list[float]) -> None:
    progress = Progress("evaluate", 40, "rows", stream=io.StringIO())
    assert progress.waits() == {}
    for seconds, done in ((1.0, 16), (2.0, 32), (5.0, 40)):
        clock[0] += seconds
        progress.update(done)
    assert progress.waits() == {"row_median": 2.0, "row_p95": 5.0}


def test_the_memory_of_this_process_is_known() -> None:
    from nivel.runtime.records.memory import most_held

    assert (most_held() or 0) > 2**24


def test_the_last_state_is_said_once(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = Progress("evaluate", 10, "rows", stream=stream)
    clock[0] += 6
    progress.update(10)
    progress.close()
    progress.close()
    progress.update(10)
    assert stream.getvalue().count("\n") == 1


def test_long_times_are_written_as_a_clock(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = Progress("train", 1000, "steps", stream=stream)
    clock[0] += 10
    progress.update(1)
    clock[0] += 390
    progress.update(400)
    assert "2:46 h left" in stream.getvalue()
    assert "10:00 min left" in stream.getvalue()


def test_nothing_done_and_nothing_to_do_are_no_error(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress("train", 0, "steps", stream=stream):
        clock[0] += 1
    assert stream.getvalue() == "train: 0/0 steps, 1 s in all\n"


def test_other_processes_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    for stream in (io.StringIO(), Terminal()):
        with Progress("train", 2, stream=stream) as progress:
            progress.update(2)
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_and_markup_stays_text() -> None:
    stream = Terminal()
    with Progress("train [red]x[/red]", 4, "steps", stream=stream) as progress:
        progress.update(4, loss="[bold]low")
    assert "[red]x[/red]" in stream.getvalue()
    assert "4/4" in stream.getvalue()
    assert "loss [bold]low" in stream.getvalue()
