"""The page's server: who may ask, what a tab can do, and that tabs do not mix."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from nivel.runtime.chat import Chat, PageServer, chat_in_browser
from nivel.runtime.chat import TestRows as Rows
from nivel.runtime.chat.web.tabs import MOST_TABS
from nivel.runtime.errors import DataError

from .kit import at, local_chat
from .streams import CUT, piece, serve, whole


@contextlib.contextmanager
def page_of(chat: Chat) -> Iterator[Page]:
    server = PageServer(chat)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Page(server)
    finally:
        server.shutdown()
        thread.join()
        server.tabs.close_all(5.0)
        server.server_close()


class Page:
    """What a page asks of its server, header by header."""

    def __init__(self, server: PageServer) -> None:
        self.server, self.host = server, f"127.0.0.1:{server.port}"
        self.tab: str | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        own: dict[str, str | None] = {"Host": self.host}
        if method == "POST":
            own |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
            own |= {"Content-Length": str(len(body or b""))}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in own.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        found = response.status, response.headers, response.read()
        connection.close()
        return found

    def post(self, action: str, **body: Any) -> tuple[int, dict[str, Any]]:
        data = json.dumps({"tab": self.tab, **body}).encode()
        status, _, said = self.request("POST", f"/{self.server.secret}/{action}", data)
        return status, json.loads(said)

    def open(self) -> dict[str, Any]:
        status, said = self.post("open")
        assert status == 200
        self.tab = said["tab"]
        return said["state"]

    def ask(self, question: str, number: int = 1) -> list[dict[str, Any]]:
        data = json.dumps({"tab": self.tab, "question": question, "number": number}).encode()
        status, headers, said = self.request("POST", f"/{self.server.secret}/answer", data)
        assert status == 200 and headers["Content-Type"] == "application/x-ndjson"
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def page() -> Iterator[Page]:
    with page_of(local_chat(system="be kind")) as found:
        yield found


def test_the_page_is_one_file_that_loads_nothing_and_may_run_its_own_script_alone(page):
    status, headers, body = page.request("GET", f"/{page.server.secret}/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    text = body.decode()
    assert "/* script */" not in text and "/* style */" not in text
    assert 'src="' not in text and "http://" not in text and "https://" not in text
    assert "innerHTML" not in text and "insertAdjacent" not in text and "eval(" not in text
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    script = text.split("<script>")[1].split("</script>")[0]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff" and "Python" not in headers["Server"]


def test_only_this_machine_is_listened_to(page):
    assert page.server.server_address[0] == "127.0.0.1"
    assert page.server.url.startswith(f"http://127.0.0.1:{page.server.port}/")
    assert len(page.server.secret) >= 32
    with page_of(local_chat()) as other:
        assert other.server.secret != page.server.secret


@pytest.mark.parametrize("path", ["/", "/{}x/", "/x{}/", "/../{}", "//{}/", "/%2e/", "/{}"])
def test_without_the_secret_there_is_nothing(page, path):
    status, _, body = page.request("GET", path.format(page.server.secret[:-1]))
    assert status == 404 and b"<html" not in body and page.server.secret.encode() not in body
    assert page.request("POST", "/open", b"{}")[0] == 404


@pytest.mark.parametrize("request_line", [b"GET /\xff\xe9/ HTTP/1.1", b"GET", b"\x16\x03\x01"])
def test_bytes_that_are_no_request_are_refused_and_the_page_is_still_there(page, request_line):
    with socket.create_connection(("127.0.0.1", page.server.port), timeout=20) as connection:
        connection.sendall(request_line + f"\r\nHost: {page.host}\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        came = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert b" 404 " in came or b"400" in came
    assert page.request("GET", f"/{page.server.secret}/")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:1",
                                  "127.0.0.1:{}.evil.example", "", "[::1]:{}", None])  # fmt: skip
def test_a_strangers_name_for_this_machine_leads_nowhere(page, host):
    said = host and host.format(page.server.port)
    for method, body in (("GET", None), ("POST", b"{}")):
        path = f"/{page.server.secret}/" + ("open" if body else "")
        status, _, answer = page.request(method, path, body, Host=said)
        assert status == 421 and b"nivel printed" in answer


def test_the_machine_s_other_name_is_good_too(page):
    path, name = f"/{page.server.secret}/", f"localhost:{page.server.port}"
    assert page.request("GET", path, Host=name)[0] == 200
    assert page.request("POST", path + "open", b"{}", Host=name, Origin=f"http://{name}")[0] == 200
    assert page.request("POST", path + "open", b"{}", Host=name)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1:{}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_requests_of_other_pages_are_refused(page, headers):
    said = {name: value and value.format(page.server.port) for name, value in headers.items()}
    status, _, _ = page.request("POST", f"/{page.server.secret}/open", b"{}", **said)
    assert status == 403 and page.server.tabs._tabs == {}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{}", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 200_000, {}, 400),
        (b"{}", {"Content_Length": None}, 411),
        (b"{}", {"Content_Length": "-1"}, 411),
        (b"{}", {"Content_Length": "two"}, 411),
        (b"{}", {"Content_Length": "99999999"}, 413),
        (b"{}", {"Content_Length": "9" * 5000}, 413),
    ],
)
def test_what_is_no_request_of_the_page_is_refused(page, body, headers, status):
    found, _, said = page.request("POST", f"/{page.server.secret}/open", body, **headers)
    assert found == status and json.loads(said)["error"]


def test_other_methods_and_other_paths_are_refused(page):
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        assert page.request(method, f"/{page.server.secret}/")[0] == 501
    assert page.request("GET", f"/{page.server.secret}/page.js")[0] == 404
    assert page.post("nothing")[0] == 404


def test_a_tab_shows_the_model_the_settings_in_force_and_why_nothing_can_be_saved(page):
    state = page.open()
    assert state["about"] == ["tiny (cpu, fp32, reads 512 tokens)"] and not state["plain"]
    assert state["in_force"] == "temperature 0, at most 8 tokens"
    assert state["settings"]["temperature"] == {"said": 0.0, "in_force": 0.0}
    assert state["settings"]["top_p"] == {"said": None, "in_force": 1.0}
    assert state["system"] == "be kind" and state["turns"] == 0
    assert "no test rows" in state["save"]["refusal"]


def test_an_answer_is_streamed_and_is_the_one_that_a_terminal_shows(page):
    page.open()
    events = page.ask("one")
    pieces = [event["piece"] for event in events if "piece" in event]
    *_, end, after = events
    chat = local_chat(system="be kind")
    *shown, last = chat.answer("one")
    assert pieces == shown and end["end"]["text"] == last.text
    assert (end["end"]["read"], end["end"]["written"]) == (last.input_tokens, last.output_tokens)
    assert after["state"]["turns"] == 1 and after["state"]["tokens"] == chat.tokens()


def test_what_can_be_asked_of_a_tab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jsonl").write_text('{"t": "old", "label": "x"}\n')
    rows = Rows(path="t.jsonl", columns={"text": "t", "label": "label"}, labels=("x", "y"))
    with page_of(local_chat(tests=rows)) as page:
        assert page.open()["save"] == {"refusal": None, "needs_label": True, "labels": ["x", "y"]}
        status, said = page.post("set", name="temperature", value="0.5")
        assert (status, said["state"]["in_force"]) == (200, "temperature 0.5, at most 8 tokens")
        assert page.post("system", text="short")[1]["state"]["system"] == "short"
        status, said = page.post("words", text="one")
        assert status == 200 and sum(row["share"] for row in said["rows"]) == pytest.approx(1)
        assert said["rows"][0]["percent"].endswith("%") and "“one”" in said["heading"]
        page.ask("one")
        assert page.post("words", text=None)[1]["heading"].startswith("the answer to “one”")
        assert page.post("save", label="z")[0] == 422
        assert page.post("save", label="y")[1]["saved"].endswith("has 2 rows now")
        assert page.post("undo")[1]["question"] == "one"
        page.ask("two", 2)
        assert page.post("reset")[1]["state"]["turns"] == 0
    assert json.loads((tmp_path / "t.jsonl").read_text().splitlines()[1]) == {
        "t": "one",
        "label": "y",
    }


@pytest.mark.parametrize(
    ("action", "body", "said"),
    [
        ("set", {"name": "temperature", "value": "hot"}, "temperature cannot be 'hot'"),
        ("set", {"name": "temperature", "value": 1}, "value is no text"),
        ("set", {"name": "stop", "value": "x"}, "no setting"),
        ("set", {}, "name is no text"),
        ("undo", {}, "nothing was asked yet"),
        ("words", {"text": ["x"]}, "text is no text"),
        ("words", {}, "nothing was asked yet"),
        ("save", {}, "cannot save"),
        ("stop", {"number": "1"}, "number is none"),
        ("answer", {"number": 1}, "question is no text"),
        ("answer", {"question": "x"}, "number is none"),
        ("answer", {"question": "x", "number": True}, "number is none"),
    ],
)
def test_faults_are_texts(page, action, body, said):
    page.open()
    status, found = page.post(action, **body)
    assert status == 422 and said in found["error"]


@pytest.mark.parametrize("tab", [None, "x", 7, ["x"], {}])
def test_a_tab_that_is_not_kept_is_gone(page, tab):
    page.tab = tab
    for action in ("undo", "answer", "stop"):
        assert page.post(action, question="x", number=1)[0] == 410
    assert page.post("close")[0] == 200


def test_an_empty_message_and_one_that_is_no_text_are_refused_in_the_stream(page):
    page.open()
    assert page.ask("  ") == [{"error": page.ask("")[0]["error"]}]
    [refused] = page.ask("\ud800", 3)
    assert "not UTF-8" in refused["error"]
    assert "end" in page.ask("one", 4)[-2]


def test_tabs_do_not_mix():
    seen = []

    def script(body):
        seen.append([one["content"] for one in body["messages"]])
        return whole(f"to {body['messages'][-1]['content']}")

    with serve(script) as server, page_of(Chat(at(server.url))) as page:
        tabs = [Page(page.server) for _ in range(4)]
        for tab in tabs:
            tab.open()

        def talk(place: int) -> None:
            for turn in range(5):
                tabs[place].ask(f"{place}.{turn}", turn + 1)

        threads = [threading.Thread(target=talk, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({tab.tab for tab in tabs}) == 4 and len(seen) == 20
    for place in range(4):
        longest = max((said for said in seen if said[0] == f"{place}.0"), key=len)
        assert len(longest) == 9
        assert {text.removeprefix("to ").split(".")[0] for text in longest} == {str(place)}


def started(page: Page, question: str, number: int = 1) -> socket.socket:
    """Send a question, and return the open connection once a piece of the answer has come."""
    body = json.dumps({"tab": page.tab, "question": question, "number": number}).encode()
    connection = socket.create_connection(("127.0.0.1", page.server.port), timeout=20)
    head = f"POST /{page.server.secret}/answer HTTP/1.1\r\nHost: {page.host}\r\n"
    head += f"Origin: http://{page.host}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    came = b""
    while b'"piece"' not in came:
        came += connection.recv(1 << 16)
    return connection


def test_to_stop_ends_the_call_to_the_endpoint_and_keeps_what_came():
    with serve([piece("It begins"), 30.0]) as server, page_of(Chat(at(server.url))) as page:
        page.open()
        connection = started(page, "hello")
        assert page.ask("meanwhile", 2) == [
            {"error": "the model is at work: wait for the answer, or stop it"}
        ]
        assert page.post("undo")[0] == 422
        page.post("stop", number=1)
        rest = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert server.hung_up.wait(5)
        connection.close()
        end = json.loads(rest.splitlines()[-2])["end"]
        assert (end["text"], end["finish"], end["why"]) == ("It begins", "stopped", "stopped")
        assert page.post("undo")[1]["question"] == "hello"


def test_to_stop_a_local_answer_stops_the_model():
    chat = local_chat(said={"max_tokens": 400, "temperature": 1.0})
    model, calls = chat.streamer.model.model, []
    model.register_forward_hook(lambda *_: calls.append(time.monotonic()))
    with page_of(chat) as page:
        page.open()
        connection = started(page, "one")
        page.post("stop", number=1)
        while connection.recv(1 << 16):
            pass
        connection.close()
        done = len(calls)
        time.sleep(0.3)
        assert 0 < done == len(calls) < 400


def test_a_stop_that_overtakes_its_question_still_stops_it():
    with serve(whole("never")) as server, page_of(Chat(at(server.url))) as page:
        page.open()
        page.post("stop", number=2)
        assert page.ask("first", 1)[-2]["end"]["finish"] == "stopped"  # older than what was stopped
        assert page.ask("second", 2)[-2]["end"]["finish"] == "stopped"
        assert page.ask("third", 3)[-2]["end"]["text"] == "never"


@pytest.mark.parametrize("leaves", ["hangs up", "closes"])
def test_a_tab_that_goes_away_stops_its_answer(leaves):
    pieces = [step for _ in range(600) for step in (piece("word "), 0.05)]
    with serve(pieces) as server, page_of(Chat(at(server.url))) as page:
        page.open()
        connection = started(page, "hello")
        if leaves == "hangs up":
            connection.close()
        else:
            page.post("close")
        assert server.hung_up.wait(5)
        connection.close()
        assert page.post("undo")[0] == (410 if leaves == "closes" else 200)


def test_a_fault_in_the_stream_is_told_and_the_tab_goes_on():
    answers = iter([[piece("half"), CUT], whole("fine")])
    with serve(lambda body: next(answers)) as server, page_of(Chat(at(server.url))) as page:
        page.open()
        half, fault = page.ask("hello")
        assert half == {"piece": "half"} and "cut" in fault["error"]
        assert page.ask("again", 2)[-2]["end"]["text"] == "fine"
        assert page.post("undo")[1]["question"] == "again"


def test_the_tab_that_rested_longest_makes_room_and_never_one_at_work():
    with serve([piece("It begins"), 30.0]) as server, page_of(Chat(at(server.url))) as page:
        page.open()
        first, second = page.tab, page.post("open")[1]["tab"]
        connection = started(page, "hello")
        for _ in range(MOST_TABS - 1):
            page.open()
        page.tab = second
        assert page.post("undo")[0] == 410
        page.tab = first
        assert page.post("stop", number=1)[0] == 200
        connection.close()


def test_a_port_that_is_taken_is_told_of(page):
    with pytest.raises(DataError, match=f"port {page.server.port} cannot be used"):
        chat_in_browser(local_chat(), page.server.port)
