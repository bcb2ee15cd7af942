"""The page in a real browser, used by keys and mouse as a reader does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nivel.runtime.chat import Chat, LocalStreamer
from nivel.runtime.chat import TestRows as Rows
from nivel.runtime.prompting import Generation

from .browser import Browser, Tab, find_chromium
from .kit import at, local_chat, tiny
from .streams import CUT, event, piece, serve, whole
from .test_terminal import spec
from .test_web import page_of

pytestmark = pytest.mark.slow

ANSWERS = "[...document.querySelectorAll('.answer .text')].map((node) => node.textContent)"
AT_REST = "state !== null && !busy"
HOSTILE = "<img src=x onerror=alert(1)><script>document.title='owned'</script> \u202e{{ x }} **b**"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


def opened(browser: Browser, page: Any, **sizes: int) -> Tab:
    tab = browser.tab(page.server.url, **sizes)
    tab.wait(AT_REST)
    return tab


def said(tab: Tab, question: str) -> str:
    """Ask, and return the answer once it has ended."""
    before = len(tab.run(ANSWERS))
    tab.say(question)
    tab.wait(f"{ANSWERS}.length > {before} && !busy")
    return str(tab.run(ANSWERS)[-1])


def clean(tab: Tab) -> None:
    """See that the browser refused nothing, and that no script failed."""
    faults = [one["entry"]["text"] for one in tab.seen("Log.entryAdded")]
    assert [text for text in faults if "status of 4" not in text] == []
    assert tab.seen("Runtime.exceptionThrown") == []


def test_a_conversation_is_streamed_with_figures_and_looks_nowhere_else(browser):
    script = [piece("It "), 0.6, *whole("goes on")]
    with serve(script) as server, page_of(Chat(at(server.url))) as page:
        tab = opened(browser, page)
        assert tab.text("#where") == server.url
        assert "the endpoint's own temperature" in tab.text("#in-force")
        tab.say("hello\nworld")
        tab.wait(f"{ANSWERS}[0] === 'It '")  # before the rest has been written
        assert tab.run("document.querySelector('.answer').getAttribute('aria-busy')") == "true"
        tab.wait(AT_REST)
        assert tab.run(ANSWERS) == ["It goes on"]
        assert tab.text(".asked") == "hello\nworld"
        assert "7 tokens read · 3 written · " in tab.text(".figures")
        assert tab.text("#said") == "It goes on"  # read out as a whole
        assert tab.run("document.activeElement.id") == "question"
        asked = {one["request"]["url"] for one in tab.seen("Network.requestWillBeSent")}
        assert all(url.startswith((page.server.url, "data:")) for url in asked)
        clean(tab)


def test_what_a_model_or_a_reader_writes_is_shown_and_never_obeyed(browser):
    with serve(whole(HOSTILE)) as server, page_of(Chat(at(server.url), system=HOSTILE)) as page:
        tab = opened(browser, page)
        assert said(tab, HOSTILE) == HOSTILE
        assert tab.run("document.querySelector('.asked .text').textContent") == HOSTILE
        assert tab.run("document.querySelectorAll('#log img, #log script').length") == 0
        assert tab.run("document.title") == "nivel chat"
        refused = "(() => { try { document.body.innerHTML = '<b>x</b>' } catch { return true } })()"
        assert tab.run(refused) is True  # trusted types
        assert tab.run("fetch('http://127.0.0.1:9/').then(() => 1, () => 2)") == 2


def test_the_stop_button_stops_the_model_and_what_came_is_kept(browser):
    model = tiny()
    chat = Chat(LocalStreamer(model), generation=Generation(max_tokens=400, temperature=1.0))
    calls: list[int] = []
    model.model.register_forward_hook(lambda *_: calls.append(1))
    with page_of(chat) as page:
        tab = opened(browser, page)
        tab.say("one")
        tab.wait(f"{ANSWERS}[0].length > 2")
        tab.click("#stop")
        tab.wait(AT_REST)
        done = len(calls)
        assert 0 < done < 400 and "stopped" in tab.text(".figures")
        assert tab.run("state.turns") == 1 and len(tab.run(ANSWERS)[0]) > 2
        tab.run("new Promise((done) => setTimeout(done, 300))")
        assert len(calls) == done
        tab.say("two")
        tab.wait("busy")
        tab.press("Escape")
        tab.wait(AT_REST)
        assert len(calls) < 400
        clean(tab)


def test_settings_are_in_force_and_a_wrong_one_is_told_of_and_put_back(browser):
    with serve(whole("fine")) as server, page_of(Chat(at(server.url))) as page:
        tab = opened(browser, page)
        for name, value in {"temperature": "0.7", "max_tokens": "5", "top_p": "0.9", "seed": "3"}.items():  # fmt: skip  # noqa: E501
            tab.fill(f"#set-{name}", value)
            tab.wait(f"state.settings.{name}.said === {value}")
        tab.fill("#system", "Be kind.")
        tab.wait("state.system === 'Be kind.'")
        assert tab.text("#in-force") == "temperature 0.7, at most 5 tokens, top_p 0.9"
        tab.fill("#set-temperature", "9")
        tab.wait("!document.querySelector('#fault').hidden")
        assert "temperature cannot be '9': give a number from 0 to 2" in tab.text("#fault")
        assert tab.run("document.querySelector('#set-temperature').value") == "0.7"
        tab.fill("#set-seed", "")
        tab.wait("state.settings.seed.said === null")
        said(tab, "hello")
        assert tab.text("#fault") == ""
        clean(tab)
    [body] = server.bodies
    assert (body["temperature"], body["max_tokens"], body["top_p"]) == (0.7, 5, 0.9)
    assert "seed" not in body and body["messages"][0]["content"] == "Be kind."


def test_next_words_are_bars_after_any_text_and_at_the_answer(browser):
    with page_of(local_chat()) as page:
        tab = opened(browser, page)
        assert tab.run("document.querySelector('#look-answer').disabled") is True
        tab.fill("#prefix", "one two")
        tab.click("#look button", "After this text")
        tab.wait("document.querySelectorAll('#words li').length === 11")
        chat = local_chat()
        shown = chat.words("one two")
        labels = tab.run(
            "[...document.querySelectorAll('#words .label')].map((n) => n.textContent)"
        )
        assert labels == [label for label, _ in shown.rows]
        bars = "[...document.querySelectorAll('#words .bar')]"
        widths = tab.run(f"{bars}.map((bar) => bar.getBoundingClientRect().width)")
        most = max(share for _, share in shown.rows)
        for width, (_, share) in zip(widths, shown.rows, strict=True):
            assert width == pytest.approx(max(1, max(widths) * share / most), abs=1.5)
        said(tab, "a question")
        tab.click(".after button", "First word")
        tab.wait("document.querySelector('#words p').textContent.startsWith('the answer to')")
        tab.fill("#prefix", "")
        tab.click("#look button", "After this text")
        tab.wait("!document.querySelector('#fault').hidden")
        clean(tab)


def test_a_question_is_saved_as_a_test_row_with_the_right_answer(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jsonl").write_text('{"t": "old", "label": "mail"}\n')
    columns = {"text": "t", "label": "label"}
    rows = Rows(path="t.jsonl", columns=columns, labels=("mail", "bug"))
    with serve(whole("bug")) as server, page_of(Chat(at(server.url), tests=rows)) as page:
        tab = opened(browser, page)
        said(tab, "It crashes")
        tab.click(".after button", "Save as test row")
        assert tab.wait("document.querySelector('#right-answer').value") == "bug"
        tab.click(".save button", "Save")
        tab.wait("document.querySelector('.saved')")
        assert "added to t.jsonl, which has 2 rows now" in tab.text(".answer")
        tab.click(".after button", "Save as test row")
        tab.click(".save button", "Save")
        tab.wait("document.querySelector('#fault').textContent.includes('saved already')")
        clean(tab)
    last = (tmp_path / "t.jsonl").read_text().splitlines()[-1]
    assert json.loads(last) == {"t": "It crashes", "label": "bug"}
    with page_of(local_chat()) as page:
        tab = opened(browser, page)
        said(tab, "one")
        assert tab.run("[...document.querySelectorAll('.after button')][1].disabled") is True


def test_taking_back_and_beginning_anew(browser):
    script = lambda body: whole(str(len(body["messages"])))  # noqa: E731
    with serve(script) as server, page_of(Chat(at(server.url))) as page:
        tab = opened(browser, page)
        assert [said(tab, "one"), said(tab, "two")] == ["1", "3"]
        tab.click(".after button", "Take back")
        tab.wait(f"{ANSWERS}.length === 1")
        assert tab.run("document.querySelector('#question').value") == "two"
        tab.click(".after button", "Take back")
        tab.wait(f"{ANSWERS}.length === 0 && !document.querySelector('#empty').hidden")
        tab.fill("#question", "")
        assert said(tab, "again") == "1"
        tab.click("#new")
        tab.wait(f"{ANSWERS}.length === 0")
        assert said(tab, "anew") == "1"
        clean(tab)


def test_two_tabs_are_two_conversations(browser):
    script = lambda body: whole("+".join(one["content"] for one in body["messages"]))  # noqa: E731
    with serve(script) as server, page_of(Chat(at(server.url))) as page:
        first, second = opened(browser, page), opened(browser, page)
        said(first, "a")
        assert said(second, "b") == "b"
        assert said(first, "c") == "a+a+c"
        first.close()  # ends its own alone
        assert said(second, "d") == "b+b+d"


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ([piece("half "), CUT], "half "),
        ([event({"error": {"message": "<b>overloaded</b>"}})], None),
    ],
)
def test_a_fault_is_a_text_and_the_question_goes_back_to_be_asked_again(browser, script, shown):
    with serve(script) as server, page_of(Chat(at(server.url))) as page:
        tab = opened(browser, page)
        tab.say("hello")
        tab.wait("!document.querySelector('#fault').hidden && !busy")
        fault = tab.text("#fault")
        assert "cut" in fault if shown else "<b>overloaded</b>" in fault
        assert tab.run(ANSWERS) == ([shown] if shown else [])
        assert tab.run("document.querySelector('#question').value") == "hello"
        assert tab.run("state.turns") == 0


def test_the_command_serves_the_page_until_an_interrupt_and_the_page_then_says_so(
    browser, tmp_path
):
    with serve(whole("fine")) as server:
        command = [sys.executable, "-m", "nivel", "chat", spec(tmp_path, server.url), "--web"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        url = next(line.split()[1] for line in process.stdout if line.startswith("open "))
        tab = browser.tab(url)
        tab.wait(AT_REST)
        assert tab.text("#in-force") == "temperature 0.5, at most 64 tokens"
        assert said(tab, "one") == "fine"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    tab.say("two")
    tab.wait("document.querySelector('#fault').textContent.includes('cannot be reached')")
    assert tab.run("busy") is False and tab.run("document.querySelector('#question').value")


def test_a_model_without_a_chat_template_goes_on_with_an_empty_message(browser):
    with page_of(local_chat(talks=False)) as page:
        tab = opened(browser, page)
        assert "continues your text" in tab.text("#hint")
        assert tab.run("document.querySelector('#system-field').hidden") is True
        first = said(tab, "one two")
        assert len(first) > 0
        said(tab, "")
        assert tab.run("state.turns") == 2
        assert tab.run("document.querySelectorAll('.asked').length") == 1
        clean(tab)


def test_on_a_phone_nothing_is_wider_than_the_screen_and_settings_open_and_shut(browser):
    with page_of(local_chat()) as page:
        tab = opened(browser, page, width=360, height=640)
        said(tab, "a" * 200 + " one")
        assert tab.run("document.documentElement.scrollWidth") == 360
        shown = "getComputedStyle(document.querySelector('#side')).display !== 'none'"
        assert tab.run(shown) is False
        tab.click("#show-side")
        assert tab.run(shown) is True
        assert tab.run("document.querySelector('#side').scrollWidth") <= 360
        tab.press("Escape")
        assert tab.run(shown) is False


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read_in_light_and_dark(browser, dark):
    """Contrast of text with what is behind it is at least 4.5 to 1, as WCAG 2.1 AA has it."""
    with serve([*whole("fine")]) as server, page_of(Chat(at(server.url))) as page:
        tab = opened(browser, page)
        tab.dark(dark)
        said(tab, "hello")
        tab.fill("#set-temperature", "9")
        tab.wait("!document.querySelector('#fault').hidden")
        assert tab.run(CONTRAST) == []
        names = "[...document.querySelectorAll('input, textarea, select, button')]"
        unnamed = f"{names}.filter((n) => !n.textContent && !n.labels.length).map((n) => n.id)"
        assert tab.run(unnamed) == []


CONTRAST = """(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if ((parts(color)[3] ?? 1) > 0.5) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    const box = node.getBoundingClientRect();
    const hidden = !box.width || node.disabled || node.tagName.endsWith("SCRIPT");
    if (!own || hidden) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName} ${node.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return poor;
})()"""
