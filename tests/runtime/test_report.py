"""The page about runs: whole, alone in one file, and only text of what strangers wrote."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import RunError
from nivel.runtime.records import Run, compare_runs

from ..chat.browser import Browser, find_chromium
from .test_compare import Page

EVIL = "</pre></style><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7919 }}\"'\u202e"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def records(said: str) -> dict[str, Any]:
    """Return what `nivel run` writes before the start, with a stranger's text where it may be."""
    return {
        "plan.json": {"common": {"description": said, "hardware": {"devices": 1}}},
        "expected.json": {
            "models": [{"name": said, "total": 1000, "trained": 100}],
            "compute": {"total_tokens": 2000, "exact": False},
            "memory": {"low": 2**20, "high": 2**21},
            "price": {"seconds_low": 1.0, "seconds_high": 4.0, "usd_low": None, "usd_high": None},
            "device": {"usd_per_hour": 3.6},
        },
        "origins.json": [
            {"key": "name", "value": "demo", "origin": "specs/x.yaml:1"},
            {"key": "task.input", "value": said, "origin": said},
            {"key": "train.schedule.warmup", "value": 0.0, "origin": "default"},
            {"key": f"prompt.variants.{said}.system", "value": [said, None, True], "origin": "x:2"},
            "no row",
        ],
    }


def finished(name: str, *, said: str = "plain", steps: int = 3, right: int = 2) -> Path:
    with Run.open(name, "finetune") as run:
        for file, body in records(said).items():
            (run.folder / file).write_text(json.dumps(body), "utf-8")
        (run.folder / "experiment.py").write_text(f"# {said}\n", "utf-8")
        (run.folder / said.replace("/", "_")[:60]).mkdir()
        for step in range(1, steps + 1):
            run.log_metrics(step, loss=5.0 / step, learning_rate=1e-3, gradient_norm=None)
        rows = [
            {"id": f"{said} {index}", "label": "yes", "confidence": 0.5,
             "prediction": "yes" if index < right else said, "fields": {"text": said}}
            for index in range(4)
        ]  # fmt: skip
        run.write_predictions(rows)
        (run.folder / "next_word.json").write_text(
            json.dumps({"text": said, "top": [{"token": said, "probability": 0.5}]}), "utf-8"
        )
        share = {"value": right / 4, "low": 0.1, "high": 0.9, "n": 4}
        run.finish(
            model=said,
            task={"type": "classify", "labels": ["yes", "no", said], "rows": 4},
            metrics={"accuracy": share},
            majority={"label": said, "accuracy": 0.5},
            confusion={"labels": ["yes", said], "given": ["yes", said, None],
                       "counts": [[2, 1, 1], [0, 0, 0]]},
            parameters={"total": 1000, "trained": 100},
            tokens={"seen": 1500},
            seconds={"train": 2.0, "evaluate": 1.0, "total": 4.0},
            gates=[{"gate": said, "passed": False}],
        )  # fmt: skip
    return run.folder


def page_of(*folders: Path, **how: Any) -> tuple[Page, str]:
    found = compare_runs(folders, unfinished=True)
    path = found.write_html(folders[0].parent / "page.html", details=True, **how)
    html = path.read_text("utf-8")
    page = Page(html)
    assert page.open == []
    return page, html


def test_a_report_has_everything_of_a_run() -> None:
    page, html = page_of(finished("demo"))
    text = " ".join(" ".join(page.texts).split())
    for said in (
        "accuracy 50.0% 10.0 to 90.0",
        "peak memory of a device 1.00 MiB to 2.00 MiB",
        "time of training 1.0 s to 4.0 s 2.0 s within",
        "tokens in training at most 2.00k 1.50k within",
        "parameters 1.00k 1.00k as planned",
        "task.input plain",
        "specs/x.yaml:1",
        "train.schedule.warmup 0.0 default",
        "fails plain",
        "Training loss",
        "after plain",
        "metrics.csv",
        "# plain",
        "2 of 4 rows were answered wrong",
    ):
        assert said in text, said
    links = {str(one["href"]).removeprefix("#") for one in page.named("a")}
    assert links <= {str(one.get("id")) for one in page.named("section")}
    assert "median" not in html or "{{" not in html


def test_what_strangers_wrote_stays_text_and_nothing_comes_from_elsewhere() -> None:
    page, html = page_of(finished("demo", said=EVIL), finished("other", said=EVIL, right=1))
    tags = {name for name, _ in page.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "base", "form", "image"}
    handlers = [key for _, named in page.tags for key in named if key.startswith("on")]
    assert handlers == []
    places = ("src", "srcset", "href", "xlink:href", "action", "data", "poster", "background")
    leads = [str(named[key]) for _, named in page.tags for key in places if key in named]
    assert leads and all(lead.startswith("#") for lead in leads)
    assert "@import" not in html and "url(" not in html
    assert sum(EVIL in text for text in page.texts) >= 12
    assert "55433" not in "".join(page.texts).replace("{{ 7*7919 }}", "")
    for style in (str(named["style"]) for _, named in page.tags if "style" in named):
        assert re.fullmatch(r"(?:[a-z-]+: [\w.% -]+;? ?)+", style), style


def test_a_run_that_was_cut_off_is_shown_as_far_as_it_came(project: Path) -> None:
    with pytest.raises(ValueError), Run.open("demo", "pretrain") as run:
        run.log_metrics(1, loss=2.0)
        run.log_metrics(2, loss=1.0)
        raise ValueError("out of <cheese>")
    page, _ = page_of(run.folder)
    text = " ".join(page.texts)
    assert "out of <cheese>" in text and "Training loss" in text
    assert "No test rows were measured" in text and "No prediction was recorded" in text
    with pytest.raises(RunError, match="no run in"):
        compare_runs([project / "nothing"], unfinished=True)


def test_written_answers_are_failures_by_their_score() -> None:
    with Run.open("demo", "prompt") as run:
        run.write_predictions(
            {"id": str(index), "label": "a b", "prediction": None, "answer": text,
             "scores": {"token_f1": score}, "fields": {"q": f"question {index}"}}
            for index, (text, score) in enumerate([("fine\x07", 0.9), ("bad", 0.2), ("worse", 0)])
        )  # fmt: skip
        metric = {"value": 0.37, "low": 0.1, "high": 0.6, "n": 3}
        run.finish(task={"type": "generate", "labels": [], "rows": 3}, metrics={"token_f1": metric})
    page, _ = page_of(run.folder)
    kinds = [str(one.get("class")) for one in page.named("article")]
    assert kinds == ["poor", "poor", "good"]
    text = "".join(page.texts)
    assert "fine\u2407" in text and "token F1 below one half" in text
    assert text.index("bad") < text.index("fine")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


WIDER = """[...document.querySelectorAll('body *')].filter((one) =>
  one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, pre'))
  .map((one) => one.outerHTML.slice(0, 80))"""
SMALL = """[...document.querySelectorAll('svg text')].map((one) =>
  one.getBoundingClientRect().height)"""
SHOWN = "[...document.querySelectorAll('article')].filter((one) => one.offsetHeight > 0).length"


@pytest.mark.slow
def test_a_browser_shows_it_at_any_width_and_filters_without_scripts(
    browser: Browser, project: Path
) -> None:
    folders = [finished(name, said=f"{EVIL} {'long' * 40}", steps=80) for name in ("one", "two")]
    page = project / "page.html"
    compare_runs(folders).write_html(page, details=True)
    tab = browser.tab(page.as_uri(), width=1400, height=900)
    tab.wait("document.readyState === 'complete'")
    for width in (1400, 800, 400):
        tab.resize(width, 900)
        assert tab.run("document.documentElement.scrollWidth") <= width
        assert tab.run(WIDER) == []
        assert min(tab.run(SMALL)) >= 9  # pixels
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.dark()
    assert tab.run("getComputedStyle(document.body).backgroundColor") != light
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    assert tab.run(SHOWN) == 4
    tab.click("label", "failures")
    assert tab.run(SHOWN) == 2
    tab.click("label", "right")
    assert tab.run(SHOWN) == 2
    tab.click("label", "all")
    assert tab.run(SHOWN) == 4
    assert tab.seen("Log.entryAdded") == [] and tab.seen("Runtime.exceptionThrown") == []
    loaded = {one["request"]["url"] for one in tab.seen("Network.requestWillBeSent")}
    assert loaded == {page.as_uri()}


def test_memory_is_compared_for_the_rows_that_were_met_where_that_is_known() -> None:
    folder = finished("demo")
    met = {"rows": 4, "length": 1200, "predicted_low": 3 * 2**20, "predicted_high": 4 * 2**20}
    (folder / "footprint.json").write_text(json.dumps(met), "utf-8")
    text = " ".join(" ".join(page_of(folder)[0].texts).split())
    assert "peak memory of a device, 4 x 1,200 tokens 3.00 MiB to 4.00 MiB" in text
