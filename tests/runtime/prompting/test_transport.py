"""The door: where requests go, what of a reply is taken, and when it is given up."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from nivel.runtime.errors import ModelError
from nivel.runtime.prompting.transport import Door, Dropped, Line, NotSent, Reply, check_address

from .server import serve

BODY = b'{"prompt": "one"}'
KEY = "sk-0123456789abcdef"


def post(url: str, timeout: float = 5.0, **key: str) -> Reply:
    line = Line(Door(url, key.get("key"), key.get("key_host"), timeout))
    try:
        return line.post("completions", BODY)
    finally:
        line.close()


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com@evil.test/v1",
        "https://evil.test#@api.example.com/v1",
        "https://evil.test?x=@api.example.com",
        "https://api.example.com.evil.test/v1",
        "https://api.example.com./v1",
        "https://api%2eexample.com/v1",
        "https://\uff41pi.example.com/v1",
        "https://evil.test\\@api.example.com/v1",
        "https://api.example.com\r\nHost: evil.test/v1",
        "https://api.example.com:99999/v1",
        "https://[api.example.com/v1",
        "http://api.example.com/v1",
        "ftp://api.example.com/v1",
        "//api.example.com/v1",
        "",
    ],
)
def test_a_key_goes_to_no_address_but_its_own_hosts(address):
    with pytest.raises(ModelError):
        check_address(address, "api.example.com")


def test_a_key_goes_to_its_host_in_whatever_case_and_port():
    for address in ("https://api.example.com/v1", "https://API.example.com:8443/v1"):
        assert check_address(address, "Api.Example.com").hostname == "api.example.com"
    assert check_address("https://api.example.com:8443/v1", "api.example.com:8443")


def test_a_key_of_one_port_goes_to_no_other():
    for address in ("https://api.example.com:8444/v1", "https://api.example.com/v1"):
        with pytest.raises(ModelError, match="belongs to"):
            check_address(address, "api.example.com:8443")


def test_a_request_holds_what_is_written_here_and_nothing_of_the_machine(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    with serve() as server:
        assert post(server.url, key=KEY, key_host="127.0.0.1").status == 200
    host = f"127.0.0.1:{server.server_address[1]}"
    assert server.seen[0].headers == {
        "host": host,
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": "nivel",
        "authorization": f"Bearer {KEY}",
        "content-length": str(len(BODY)),
    }


def test_a_redirect_is_not_followed_and_takes_no_key_along():
    with serve() as other, serve(lambda prompt, asked: f"redirect:{other.url}") as server:
        reply = post(server.url, key=KEY, key_host="127.0.0.1")
    assert reply.status == 307 and reply.headers["location"] == other.url
    assert other.seen == []


def test_one_connection_serves_many_calls_and_one_closed_by_the_peer_is_made_anew():
    with serve(lambda prompt, asked: "parting" if asked == 2 else "good") as server:
        line = Line(Door(server.url, None, None, 5.0))
        ports = set()
        for _ in range(4):
            assert line.post("completions", BODY).status == 200
            if line._kept is not None:
                ports.add(line._kept.sock.getsockname()[1])
            time.sleep(0.02)
        line.close()
    assert len(server.seen) == 4, "nothing is sent twice"
    assert len(ports) == 2


def test_bytes_after_a_reply_are_not_taken_for_the_next_one():
    with serve(lambda prompt, asked: "trailing" if asked == 1 else "good") as server:
        line = Line(Door(server.url, None, None, 5.0))
        line.post("completions", BODY)
        time.sleep(0.05)
        assert b"not asked for" not in line.post("completions", BODY).body
        line.close()
    assert len(server.seen) == 2


def test_a_body_in_chunks_is_read_whole():
    with serve(lambda prompt, asked: "chunked") as server:
        assert post(server.url).body.endswith(b"}")


@pytest.mark.parametrize("action", ["cut", "chunked:cut", "hangup", "garbage"])
def test_a_reply_that_ends_too_soon_or_is_none_is_dropped(action):
    with serve(lambda prompt, asked: action) as server, pytest.raises(Dropped):
        post(server.url)


def test_a_body_beyond_all_answers_is_not_read_to_its_end():
    with (
        serve(lambda prompt, asked: "huge:70") as server,
        pytest.raises(Dropped, match="longer than"),
    ):
        post(server.url, timeout=60.0)


@pytest.mark.parametrize("action", ["slow:30", "drip:head", "drip:body"])
def test_the_time_limit_is_of_the_whole_call_however_the_server_spends_it(action):
    with serve(lambda prompt, asked: action) as server:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            post(server.url, timeout=0.4)
        assert 0.35 < time.monotonic() - began < 1.0


def test_after_a_timeout_the_next_call_has_a_connection_of_its_own():
    with serve(lambda prompt, asked: "slow:0.3" if asked == 1 else "good:second") as server:
        line = Line(Door(server.url, None, None, 0.15))
        with pytest.raises(TimeoutError):
            line.post("completions", BODY)
        assert b"second" in line.post("completions", BODY).body
        line.close()


def test_a_port_where_nobody_listens_was_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotSent):
        post(f"http://127.0.0.1:{port}/v1")


def test_an_unencrypted_call_goes_through_the_environments_proxy_and_local_ones_do_not(monkeypatch):
    with serve() as proxy, serve() as local:
        address = proxy.url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("http_proxy", f"http://user:pass%21@{address}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert post("http://models.example.test/v1").status == 200
        assert post(local.url).status == 200
    assert [seen.path for seen in proxy.seen] == ["http://models.example.test/v1/completions"]
    assert proxy.seen[0].headers["host"] == "models.example.test"
    assert proxy.seen[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNzIQ=="
    assert len(local.seen) == 1 and "proxy-authorization" not in local.seen[0].headers


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_server_that_nobody_vouches_for_is_sent_nothing(tmp_path):
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    files = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    subprocess.run([*made, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            sock, _ = listener.accept()
            try:
                heard.append(context.wrap_socket(sock, server_side=True).recv(1000))
            except OSError:
                sock.close()

        thread = threading.Thread(target=accept)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}/v1"
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            post(url, key=KEY, key_host="localhost")
        thread.join()
    assert heard == []
