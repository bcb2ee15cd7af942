"""Comparing runs: the statistics, the table and the page."""

import os
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import RunError
from nivel.runtime.records import Comparison, Run, compare_runs
from nivel.runtime.records.charts import Series, line_chart, log_ticks, round_ticks
from nivel.runtime.records.numbers import count, duration, interval
from nivel.runtime.records.paired import compare_predictions, mcnemar

EVIL = '<script>alert("x")</script>&\'{{ 7 * 7 }}'
PIXEL = bytes.fromhex("89504e470d0a1a0a") + b"picture"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def answers(right: list[bool], text: str = "a text") -> list[dict[str, Any]]:
    return [
        {
            "id": f"row {index}",
            "label": "yes",
            "prediction": "yes" if hit else "no",
            "fields": {"text": f"{text} {index}", "label": "yes"},
        }
        for index, hit in enumerate(right)
    ]


def finished(
    name: str, level: str, right: list[bool], *, text: str = "a text", steps: int = 0, **more: Any
) -> Path:
    with Run.open(name, level) as run:
        for step in range(1, steps + 1):
            run.log_metrics(step, loss=5.0 / step)
        run.write_predictions(answers(right, text))
        share = sum(right) / len(right)
        metric = {"value": share, "low": share - 0.1, "high": share + 0.1, "n": len(right)}
        result: dict[str, Any] = {
            "model": "HuggingFaceTB/SmolLM2-135M-Instruct",
            "task": {"type": "classify", "labels": ["yes", "no"], "rows": len(right)},
            "metrics": {"accuracy": metric, "macro_f1": metric},
            "majority": {"label": "yes", "accuracy": 0.5},
            "parameters": {"total": 134_515_008, "trained": 4_884_480},
            "tokens": {"seen": 28_345, "read": 100},
            "seconds": {"train": 100.0, "evaluate": 20.0, "total": 221.4},
        }
        run.finish(**(result | more))
    return run.folder


def three(project: Path) -> Comparison:
    prompt = [True] * 20 + [False] * 40
    tuned = [True] * 50 + [False] * 10
    pretraining = {
        "bits_per_byte": 2.31,
        "unigram_bits_per_byte": 3.1,
        "byte_unigram_bits_per_byte": 4.6,
    }
    return compare_runs(
        [
            finished("docs-prompt", "prompt", prompt),
            finished("docs-finetune", "finetune", tuned, steps=5),
            finished("docs-pretrain", "pretrain", prompt[::-1], steps=1, pretraining=pretraining),
        ]
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 0.021484375), (9, 1, 0.021484375), (0, 6, 0.03125)],
)
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int, expected: float) -> None:
    assert mcnemar(first, second) == expected


def test_mcnemar_stays_exact_for_thousands_of_rows() -> None:
    assert 0.0 < mcnemar(4000, 4300) < 0.002


def test_pairs_are_matched_by_row_and_not_by_order() -> None:
    one, two = answers([True, True, False]), answers([True, False, False])
    found = compare_predictions(one, two[::-1])
    assert found is not None
    assert (found.rows, found.only_first, found.only_second) == (3, 1, 0)


def test_other_rows_or_other_labels_are_not_paired() -> None:
    one = answers([True, False])
    relabelled = [row | {"label": "no"} for row in one]
    for other in (answers([True]), relabelled, [*one, one[0]], []):
        assert compare_predictions(one, other) is None


def test_the_table_fits_a_hundred_columns_and_says_it_all(project: Path) -> None:
    text = three(project).render_text(100)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    for said in (
        "docs-prompt", "finetune", "SmolLM2-135M-Instruct", "83.3% [73.3, 93.3]", "4.88M",
        "28.3k", "3:41 min", "majority class", "50.0%", "always answering 'yes'",
        "30 rows won, 0 lost of 60, p < 0.001", "2.310 bits per byte", "byte unigram 4.600",
    ):  # fmt: skip
        assert said in text


def written(name: str, level: str, scores: list[float], **more: Any) -> Path:
    """A run whose answers are texts, each with a score by two measures."""
    with Run.open(name, level) as run:
        lines = [
            {"id": f"row {index}", "label": "a b", "prediction": "a", "model": "m", "variant": "v",
             "fields": {"text": str(index)}, "scores": {"token_f1": score, "rouge_l": 1 - score}}
            for index, score in enumerate(scores)
        ]  # fmt: skip
        run.write_predictions(lines)
        mean = sum(scores) / len(scores)
        metrics = {
            "token_f1": {"value": mean, "low": mean - 0.1, "high": mean + 0.1, "n": len(scores)},
            "rouge_l": {"value": 1 - mean, "low": 0.1, "high": 0.2, "n": len(scores)},
            "perplexity": {"value": 12.5, "low": None, "high": None, "n": 1},
        }
        task = {"type": "generate", "rows": len(scores)}
        run.finish(**({"task": task, "metrics": metrics} | more))
    return run.folder


def test_written_answers_are_compared_by_their_scores_across_levels(project: Path) -> None:
    from nivel.runtime.scoring.statistics import paired_difference

    before, after = [0.1, 0.2, 0.4, 0.3] * 10, [0.5, 0.2, 0.6, 0.4] * 10
    runs = compare_runs([written("p", "prompt", before), written("f", "finetune", after)])
    found = paired_difference(sorted_as_rows(before), sorted_as_rows(after), 0.95, 0)
    text = runs.render_text(120)
    assert "token F1" in text.splitlines()[0] and "ROUGE-L" in text.splitlines()[0]
    assert f"token F1 {100 * found.value:+.1f} points [{100 * found.low:+.1f}" in text
    assert "paired permutation" in text and "1250" not in text
    page = runs.write_html(project / "page.html").read_text()
    assert ">token F1<" in page and "Token f1 and its uncertainty" in page
    other = compare_runs([written("p", "prompt", before), written("g", "finetune", after[:20])])
    assert "not tested on the same rows" in other.render_text(120)


def sorted_as_rows(scores: list[float]) -> list[float]:
    """Rows are drawn from in the order of their ids."""
    order = sorted(range(len(scores)), key=lambda index: f"row {index}")
    return [scores[index] for index in order]


def test_every_way_of_asking_has_a_line(project: Path) -> None:
    metric = {"value": 0.25, "low": 0.1, "high": 0.4, "n": 4}
    cells = [
        {"model": "org/m", "variant": name, "accuracy": {**metric, "value": share}, "calls": 4}
        for name, share in (("zero", 0.25), ("four", 0.75))
    ]
    with Run.open("ways", "prompt") as run:
        lines = [
            {**row, "model": "org/m", "variant": name}
            for name, right in (("zero", [True] + [False] * 3), ("four", [True] * 3 + [False]))
            for row in answers(right)
        ]
        run.write_predictions(lines)
        run.finish(metrics={}, cells=cells)
    tuned = finished("tuned", "finetune", [True] * 4)
    text = compare_runs([run.folder, tuned]).render_text(120)
    assert "ways m/zero" in text and "75.0% [10.0, 40.0]" in text
    assert "ways m/four against ways m/zero: 2 rows won, 0 lost of 4" in text
    assert "tuned against ways m/zero: 3 rows won, 0 lost of 4" in text


def test_measures_without_a_column_are_told_below(project: Path) -> None:
    metric = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 60}
    names = ["accuracy", "macro_f1", "exact", "token_f1", "rouge_l", "chrf"]
    folder = finished("many", "prompt", [True] * 60, metrics=dict.fromkeys(names, metric))
    wide, narrow = (compare_runs([folder]).render_text(width) for width in (200, 90))
    assert "token F1" in wide.splitlines()[0] and "many: ROUGE-L 50.0%" in wide
    assert "exact" not in narrow.splitlines()[0] and "exact 50.0% [40.0, 60.0]" in narrow


def test_memory_is_shown_of_the_gpu_where_there_is_one(project: Path) -> None:
    from nivel.runtime.records.table import most_memory

    assert most_memory({"peak_memory": {"rss": 5, "cuda": None}}) == 5
    assert most_memory({"peak_memory": {"rss": 5, "cuda": 7}}) == 7
    assert most_memory({}) is None
    assert "memory" in three(project).render_text(100).splitlines()[0]


def test_a_wide_table_has_a_column_for_the_model(project: Path) -> None:
    lines = three(project).render_text(140).splitlines()
    assert lines[0].split()[:3] == ["run", "level", "model"]
    assert "SmolLM2-135M-Instruct" in lines[2]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_asked(project: Path, width: int) -> None:
    assert max(map(len, three(project).render_text(width).splitlines())) <= width


def test_a_run_without_a_task_is_compared_by_what_it_has(project: Path) -> None:
    with Run.open("bare", "pretrain") as run:
        run.finish(pretraining={"bits_per_byte": 2.0})
    text = compare_runs([run.folder]).render_text(100)
    assert "bare" in text
    assert "2.000 bits per byte" in text
    assert "majority" not in text


def test_runs_on_other_rows_are_said_to_be_unpaired(project: Path) -> None:
    folders = [finished("one", "prompt", [True] * 4), finished("two", "prompt", [True] * 5)]
    text = compare_runs(folders).render_text(100)
    assert "two and one were not tested on the same rows" in text


def test_a_name_stands_for_its_newest_completed_run(project: Path) -> None:
    finished("docs", "prompt", [True, False])
    time.sleep(1.1)
    newest = finished("docs", "prompt", [True, True])
    with pytest.raises(ValueError), Run.open("docs", "prompt"):
        raise ValueError("later, but failed")
    (run,) = compare_runs([project / "runs" / "docs"]).runs
    assert run.info.folder == newest


def test_a_run_without_a_result_is_refused_with_its_reason(project: Path) -> None:
    with pytest.raises(ValueError), Run.open("docs", "prompt") as run:
        raise ValueError("out of cheese")
    with pytest.raises(RunError, match="failed .*out of cheese"):
        compare_runs([run.folder])
    with pytest.raises(RunError, match="no completed run"):
        compare_runs([project / "runs" / "docs"])
    with pytest.raises(RunError, match="at least one"):
        compare_runs([])


class Page(HTMLParser):
    """Collects what a browser would see, and checks that tags are closed."""

    VOID = frozenset({"meta", "img", "br", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(comparison: Comparison, folder: Path) -> Page:
    path = comparison.write_html(folder / "out" / "report.html")
    page = Page(path.read_text("utf-8"))
    assert page.open == []
    return page


def test_the_page_shows_results_curves_and_answers(project: Path) -> None:
    page = page_of(three(project), project)
    text = " ".join(page.texts)
    for said in ("83.3%", "73.3 to 93.3", "p < 0.001", "2.310 bits per byte", "always yes"):
        assert said in text
    # One curve: a single logged step makes none.
    assert len(page.named("svg")) == 1
    assert len(page.named("polyline")) == 1
    assert len([one for one in page.named("span") if one.get("class") == "track"]) == 3


def test_the_page_loads_nothing_from_elsewhere(project: Path) -> None:
    folder = finished("docs", "prompt", [True, False])
    (folder / "next_word.json").write_text('{"text": "a", "top": []}', "utf-8")
    (folder / "next_word.png").write_bytes(PIXEL)
    html = (page := compare_runs([folder])).write_html(project / "r.html").read_text("utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!#)""", html)
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    tags = {name for name, _ in page_of(page, project).tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base"}


def test_text_from_data_cannot_become_markup(project: Path) -> None:
    folder = finished(
        "docs", "prompt", [True, False], text=EVIL, model=f"org/{EVIL.replace('/', '')}",
        majority={"label": EVIL, "accuracy": 0.5},
        task={"type": "classify", "labels": [EVIL, "no"], "rows": 2},
        next_word=[{"token": EVIL, "probability": 0.5}],
    )  # fmt: skip
    page = page_of(compare_runs([folder]), project)
    assert page.named("script") == []
    assert f"{EVIL} 0" in page.texts
    assert sum(EVIL in text for text in page.texts) >= 4


def test_failures_of_most_runs_come_first(project: Path) -> None:
    folders = [
        finished("one", "prompt", [True, True, False, False]),
        finished("two", "prompt", [True, False, True, False]),
    ]
    page = page_of(compare_runs(folders), project)
    text = "".join(page.texts)
    places = [text.index(f"a text {number}") for number in (3, 1, 2, 0)]
    assert places == sorted(places)
    spans = [str(named.get("class")) for named in page.named("span")]
    answered = [kind for kind in spans if kind.startswith("answer ")]
    assert answered == ["answer wrong", "answer wrong", "answer right", "answer wrong",
                        "answer wrong", "answer right", "answer right", "answer right"]  # fmt: skip
    assert "3 of 4 rows" in text


def test_runs_on_other_rows_get_a_table_of_their_own(project: Path) -> None:
    folders = [finished("one", "prompt", [True] * 4), finished("two", "prompt", [True] * 5)]
    page = page_of(compare_runs(folders), project)
    assert "".join(page.texts).count("Answers, failures first") == 2


def test_runs_of_one_name_are_told_apart_by_id(project: Path) -> None:
    folders = [finished("docs", "prompt", [True, False]) for _ in range(2)]
    text = "".join(page_of(compare_runs(folders), project).texts)
    for folder in folders:
        assert f"docs {folder.name}" in text


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (2.0, 2.0), (0.0, 0.0), (-3.5, 1e6), (1e-9, 2e-9), (0.31, 12.5)]
)
def test_ticks_are_few_and_enclose_the_values(low: float, high: float) -> None:
    ticks = round_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 1 <= len(ticks) <= 7
    assert ticks == sorted(ticks)


def test_a_long_curve_is_thinned_but_keeps_its_ends() -> None:
    curve = Series("one", 0, [(float(step), 1.0 / step) for step in range(1, 10_001)])
    for smooth in (False, True):
        chart = str(line_chart([curve], "loss", smooth=smooth))
        drawn = [found.split() for found in re.findall(r'points="([^"]+)"', chart)]
        assert [len(points) for points in drawn] == [300] * (1 + smooth)
        for points in drawn:
            assert points[0].startswith("56.0,") and points[-1].startswith("388.0,")
        assert 50 < chart.count("<title>") < 70  # points that say their value


def test_a_flat_curve_can_be_drawn() -> None:
    assert "polyline" in line_chart([Series("one", 0, [(1.0, 2.0), (2.0, 2.0)])], "loss")


def test_curves_of_several_runs_share_their_axes_and_name_their_points() -> None:
    series = [Series("a<b", 0, [(1.0, 2.0), (2.0, 1.0)]), Series("c", 1, [(5.0, 4.0), (9.0, 3.0)])]
    chart = str(line_chart(series, "loss"))
    first, second = re.findall(r'points="([^"]+)"', chart)
    assert first.split()[0] == "56.0,134.7" and second.split()[-1].startswith("388.0,")
    assert "<title>a&lt;b, step 2: 1</title>" in chart


def test_a_logarithmic_axis_has_powers_of_ten_at_equal_distances() -> None:
    curve = Series("one", 0, [(1.0, 100.0), (2.0, 10.0), (3.0, 1.0)])
    chart = str(line_chart([curve], "loss", log=True))
    heights = [float(point.split(",")[1]) for point in re.findall(r"[\d.]+,[\d.]+", chart)][:3]
    assert heights == [12.0, 104.0, 196.0]


@pytest.mark.parametrize(("low", "high"), [(0.18, 12.3), (1.0, 1.0), (1e-7, 3e4), (0.5, 0.6)])
def test_ticks_of_a_logarithmic_axis_enclose_the_values(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high
    assert ticks == sorted(ticks) and len(ticks) > 1


def test_numbers_are_short_and_missing_ones_are_dashes() -> None:
    assert [count(n) for n in (0, 921, 999_600, 1_234_567, 134_515_008, 2e9, None)] == [
        "0", "921", "1.00M", "1.23M", "135M", "2.00B", "–",
    ]  # fmt: skip
    assert [duration(s) for s in (9.42, 59.96, 187, 8100, None)] == [
        "9.4 s", "1:00 min", "3:07 min", "2:15 h", "–",
    ]  # fmt: skip
    assert interval({"value": 0.611, "low": 0.538, "high": 0.679}) == "61.1% [53.8, 67.9]"
    assert interval({"value": 0.5}) == "50.0%"
    assert interval(None) == "–"


def test_comparing_needs_no_torch(project: Path) -> None:
    import subprocess
    import sys

    folder = finished("docs", "prompt", [True, False], steps=3)
    program = (
        "import sys\nfrom nivel.runtime.records import compare_runs\n"
        "c = compare_runs([sys.argv[1]])\nc.render_text(100)\nc.write_html(sys.argv[2])\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", program, str(folder), str(project / "r.html")]
    subprocess.run(command, check=True, timeout=60, env=dict(os.environ))
