"""Alerts: they arrive, once, through every channel, and none is lost."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import Alert, AlertError, channels, send
from pipelines.settings import Settings, settings
from ratings.errors import DefinitionError, InputError

NOW = 1_800_000_000.0
ALERT = Alert("run failure x", "x failed", "because of y", "lait")


class Hook(ThreadingHTTPServer):
    """A webhook on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.refused = ""  # an alert whose words hold this is answered with 413
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = 413 if hook.refused and hook.refused in json.dumps(body) else hook.status
                if status == 200:
                    hook.got.append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as a client needs to hand over a message."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[str] = []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split()[0].upper()
                    if verb == "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = []
                        while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                            lines.append(text)
                        server.got.append("\n".join(lines))
                    self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
                    if verb == "QUIT":
                        return

        super().__init__(("127.0.0.1", 0), Handler)


def _served(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    yield from _served(Hook())


@pytest.fixture
def mail() -> Iterator[MailServer]:
    yield from _served(MailServer())


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    monkeypatch.delenv("STARLEDGER_ALERTS", raising=False)

    def write(text: str) -> Settings:
        (tmp_path / "alerts.toml").write_text(text)
        return settings(tmp_path, actor="tester")

    return write


def webhook(port: int) -> str:
    return f'[webhook]\nurl = "http://127.0.0.1:{port}/hook"\n'


def email(port: int) -> str:
    return (
        f'[email]\nhost = "127.0.0.1"\nport = {port}\nsender = "starledger@example.org"\n'
        'recipients = ["data@example.org", "lead@example.org"]\nsecurity = "none"\n'
    )


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_an_alert_arrives_by_webhook_and_by_mail(
    configured: Callable[[str], Settings], hook: Hook, mail: MailServer
) -> None:
    where = configured(webhook(hook.server_port) + email(mail.server_address[1]))
    assert send(where, [ALERT], now=NOW) == [ALERT]
    assert hook.got == [
        {
            "text": "x failed\nbecause of y",
            "subject": "x failed",
            "key": "run failure x",
            "group": "lait",
        }
    ]
    [message] = mail.got
    assert "Subject: [starledger] x failed" in message
    assert "To: data@example.org, lead@example.org" in message
    assert "because of y" in message


def test_the_same_alert_goes_again_only_after_the_time_set(
    configured: Callable[[str], Settings], hook: Hook
) -> None:
    where = configured("repeat_after_hours = 2\n" + webhook(hook.server_port))
    sent = [bool(send(where, [ALERT], now=NOW + hours * 3600)) for hours in (0, 1, 1.9, 2.1, 3)]
    assert sent == [True, False, False, True, False]
    other = Alert("run failure z", "z failed", "", "ascof")
    assert send(where, [ALERT, other], now=NOW + 3 * 3600) == [other]


def test_a_clock_that_jumps_back_silences_nothing(configured: Callable[[str], Settings], hook: Hook) -> None:
    where = configured(webhook(hook.server_port))
    assert send(where, [ALERT], now=NOW + 86_400 * 365)
    assert send(where, [ALERT], now=NOW)


def test_what_a_channel_could_not_carry_goes_with_the_next_alert_and_the_other_says_it_once(
    configured: Callable[[str], Settings], hook: Hook, mail: MailServer
) -> None:
    where = configured(webhook(closed_port()) + email(mail.server_address[1]))
    with pytest.raises(AlertError, match="webhook: 'x failed'"):
        send(where, [ALERT], now=NOW)
    assert len(mail.got) == 1
    where = configured(webhook(hook.server_port) + email(mail.server_address[1]))
    assert send(where, [], now=NOW + 60) == [ALERT]
    assert (len(hook.got), len(mail.got)) == (1, 1)
    assert send(where, [], now=NOW + 120) == []


def test_a_webhook_that_answers_with_an_error_counts_as_not_delivered(
    configured: Callable[[str], Settings], hook: Hook
) -> None:
    where = configured(webhook(hook.server_port))
    hook.status = 500
    with pytest.raises(AlertError, match="500"):
        send(where, [ALERT], now=NOW)
    hook.status = 200
    assert send(where, [ALERT], now=NOW + 1) == [ALERT]


def test_an_alert_that_is_refused_waits_and_keeps_no_other_back(
    configured: Callable[[str], Settings], hook: Hook
) -> None:
    where = configured(webhook(hook.server_port))
    other = Alert("run failure y", "y failed", "because of z", "lait")
    hook.refused = ALERT.subject
    with pytest.raises(AlertError, match=r"'x failed'.*413"):
        send(where, [ALERT, other], now=NOW)
    assert len(hook.got) == 1
    hook.refused = ""
    assert send(where, [], now=NOW + 1) == [ALERT]


def test_without_a_file_nothing_is_sent_and_nothing_is_written(tmp_path: Path) -> None:
    assert send(settings(tmp_path, actor="tester"), [ALERT], now=NOW) == []
    assert list(tmp_path.iterdir()) == []


def test_a_secret_comes_from_the_environment(
    configured: Callable[[str], Settings], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = configured('[webhook]\nurl_variable = "STARLEDGER_TEST_HOOK"\n')
    monkeypatch.delenv("STARLEDGER_TEST_HOOK", raising=False)
    with pytest.raises(InputError, match="STARLEDGER_TEST_HOOK is not set"):
        channels(where)
    monkeypatch.setenv("STARLEDGER_TEST_HOOK", f"http://127.0.0.1:{hook.server_port}/")
    assert send(where, [ALERT], now=NOW) == [ALERT]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[webhook]\nurl = 'ftp://x'\n", "no http or https address"),
        ("[webhook]\nurl = 'http://x'\nchanel = 'y'\n", "chanel"),
        ("[email]\nhost = 'x'\n", "recipients: is missing"),
        ("[email]\nrecipients = []\n", "recipients: is empty"),
        ("[sms]\nnumber = 1\n", "sms"),
        ("[webhook\n", "cannot be read"),
    ],
)
def test_a_faulty_file_is_named_with_the_key(
    configured: Callable[[str], Settings], text: str, says: str
) -> None:
    with pytest.raises(DefinitionError, match=says) as caught:
        channels(configured(text))
    assert "alerts.toml" in str(caught.value)
