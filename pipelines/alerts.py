"""Alerts: telling people what went wrong, by webhook and e-mail, and not twice.

Here: `alerts.toml`, the one place that says where alerts go; sending; remembering what was sent.
Not here: what is worth an alert (overdue.py for returns, assets/sensors.py for failed runs).

    repeat_after_hours = 24                   # the same alert again only after that long; 24 by default

    [webhook]
    url = "http://chat.example.org/hooks/…"   # or url_variable = "NAME" of an environment variable
    timeout_seconds = 10

    [email]
    host = "mail.example.org"
    port = 587
    sender = "starledger@example.org"
    recipients = ["data@example.org"]
    security = "starttls"                     # or "tls", or "none" for a relay on the same machine
    user = "starledger"                       # leave out where the server asks for none
    password_variable = "STARLEDGER_SMTP_PASSWORD"
"""

from __future__ import annotations

import fcntl
import json
import os
import smtplib
import ssl
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pipelines.settings import Settings, alerts_file, secret
from ratings.errors import DefinitionError, MethodError, StarledgerError
from ratings.toml_table import Table
from warehouse.whole_files import replace_text

_STATE, _LOCK = "alerts-sent.json", ".alerts-lock"
_SECURITY = ("starttls", "tls", "none")
_TIMEOUT = 10.0
_NUMBER = (int, float)
_ANSWERED = (urllib.error.HTTPError, smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ValueError)


class AlertError(StarledgerError):
    """An alert could not be delivered."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something people should know.

    Attributes:
        key: what it is about; the same key is the same alert.
        subject: one line.
        text: the rest, as plain text.
        group: what alerts of one kind are sorted by, such as the source return.
    """

    key: str
    subject: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a JSON text is posted to."""

    url: str
    timeout_seconds: float = _TIMEOUT


@dataclass(frozen=True, slots=True)
class Email:
    """A mail server, and who writes to whom."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: str = "starttls"
    user: str = ""
    password: str = ""
    timeout_seconds: float = _TIMEOUT


@dataclass(frozen=True, slots=True)
class Channels:
    """Where alerts go, and how soon the same one may go again.

    Attributes:
        webhook: None where there is none.
        email: None where there is none.
        repeat_after: seconds.
    """

    webhook: Webhook | None = None
    email: Email | None = None
    repeat_after: float = 86_400.0

    def senders(self) -> dict[str, Callable[[Alert], None]]:
        """The function that sends, by channel."""
        found: dict[str, Callable[[Alert], None]] = {}
        if webhook := self.webhook:
            found["webhook"] = lambda alert: _post(webhook, alert)
        if email := self.email:
            found["email"] = lambda alert: _mail(email, alert)
        return found


def channels(settings: Settings) -> Channels:
    """Where alerts of a warehouse go; nowhere where there is no file that says so.

    Raises:
        DefinitionError: the file cannot be read, or says something that is not understood.
        InputError: an environment variable that it names is not set.
    """
    path = alerts_file(settings.warehouse)
    if not path.exists():
        return Channels()
    try:
        table = Table(str(path), "", tomllib.loads(path.read_text(encoding="utf-8")))
        hours = table.take("repeat_after_hours", _NUMBER, 24)
        webhook = table.table("webhook", {})
        email = table.table("email", {})
        found = Channels(
            _webhook(webhook) if webhook.content else None,
            _email(email) if email.content else None,
            hours * 3600.0,
        )
        for read in (table, webhook, email):
            read.done()
    except MethodError as error:
        raise DefinitionError(error.message, file=error.file, hint="see docs/runbook.md, Alerts") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DefinitionError(
            f"cannot be read: {error}", file=str(path), hint="see docs/runbook.md, Alerts"
        ) from error
    return found


def _webhook(table: Table) -> Webhook:
    variable = table.text("url_variable", "")
    url = secret(variable) if variable else table.text("url")
    if not url.startswith(("http://", "https://")):
        raise table.error("url", "is no http or https address")
    return Webhook(url, float(table.take("timeout_seconds", _NUMBER, _TIMEOUT)))


def _email(table: Table) -> Email:
    recipients = table.texts("recipients")
    if not recipients:
        raise table.error("recipients", "is empty")
    user = table.text("user", "")
    return Email(
        host=table.text("host"),
        port=table.take("port", int),
        sender=table.text("sender"),
        recipients=recipients,
        security=table.choice("security", _SECURITY, "starttls"),
        user=user,
        password=secret(table.text("password_variable")) if user else "",
        timeout_seconds=float(table.take("timeout_seconds", _NUMBER, _TIMEOUT)),
    )


def send(settings: Settings, alerts: Sequence[Alert], *, now: float) -> list[Alert]:
    """Send alerts through every channel, except what the channel has carried lately.

    Two processes that send at once wait for one another. What a channel could not carry waits beside the
    ledger and goes with the next alert; the other channels do not carry it twice.

    Args:
        settings: whose warehouse.
        alerts: what there is to say.
        now: seconds since 1970.

    Returns:
        The alerts that went out through some channel.

    Raises:
        AlertError: a channel failed; everything else was sent.
        DefinitionError, InputError: what `channels` says.
    """
    to = channels(settings)
    if not to.senders():
        return []
    gone: dict[str, Alert] = {}
    left: dict[str, Alert] = {}
    troubles: list[str] = []
    with _alone(settings.warehouse):
        path = settings.warehouse / _STATE
        state = _state(path, now, to.repeat_after)
        state.waiting |= {alert.key: alert for alert in alerts}
        for channel, carry in to.senders().items():
            still = {
                key: alert for key, alert in state.waiting.items() if f"{channel} {key}" not in state.sent
            }
            for key, alert in list(still.items()):
                try:
                    carry(alert)
                except (OSError, smtplib.SMTPException, ValueError) as error:
                    troubles.append(f"{channel}: {alert.subject!r}: {error}")
                    if isinstance(error, _ANSWERED):
                        continue  # this one was refused; the next may not be
                    break  # what follows would wait as long, for nothing
                state.sent[f"{channel} {key}"] = now
                gone[key] = still.pop(key)
                replace_text(path, state.text())
            left |= still
        state.waiting = left
        replace_text(path, state.text())
    if troubles:
        raise AlertError(
            f"not delivered: {'; '.join(troubles)}",
            file=str(alerts_file(settings.warehouse)),
            hint="check the address; what was not delivered goes with the next alert",
        )
    return list(gone.values())


@dataclass(slots=True)
class _State:
    """What each channel carried lately, and alerts that some channel could not carry."""

    sent: dict[str, float]
    waiting: dict[str, Alert]

    def text(self) -> str:
        """As it is kept."""
        kept = {"sent": self.sent, "waiting": [asdict(alert) for alert in self.waiting.values()]}
        return json.dumps(kept, indent=1)


def _state(path: Path, now: float, repeat_after: float) -> _State:
    """What was sent lately. A time to come is of a clock that has jumped back, and counts for nothing."""
    try:
        kept: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sent = {key: float(at) for key, at in kept["sent"].items() if 0 <= now - at < repeat_after}
        waiting = [Alert(**alert) for alert in kept["waiting"]]
    except (OSError, ValueError, KeyError, TypeError):
        return _State({}, {})  # rather twice than never
    return _State(sent, {alert.key: alert for alert in waiting})


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _post(webhook: Webhook, alert: Alert) -> None:
    """Post an alert; `text` is what chat programs show, the rest is for machines."""
    body = {
        "text": f"{alert.subject}\n{alert.text}",
        "subject": alert.subject,
        "key": alert.key,
        "group": alert.group,
    }
    request = urllib.request.Request(
        webhook.url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "starledger"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=webhook.timeout_seconds) as answer:
        answer.read()


def _mail(email: Email, alert: Alert) -> None:
    message = EmailMessage()
    message["From"], message["To"] = email.sender, ", ".join(email.recipients)
    message["Subject"] = f"[starledger] {alert.subject}".replace("\n", " ")
    message.set_content(f"{alert.text}\n")
    secure = ssl.create_default_context()
    if email.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            email.host, email.port, timeout=email.timeout_seconds, context=secure
        )
    else:
        server = smtplib.SMTP(email.host, email.port, timeout=email.timeout_seconds)
    with server:
        if email.security == "starttls":
            server.starttls(context=secure)
        if email.user:
            server.login(email.user, email.password)
        server.send_message(message)
