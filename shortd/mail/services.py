"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass

from shortd.clock import Clock
from shortd.languages import open_languages
from shortd.mail.delivery import Delivery
from shortd.mail.messages import Messages
from shortd.mail.outbox import Outbox
from shortd.mail.transports import transport_of
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.timeline import Timeline


@dataclass(frozen=True)
class MailServices:
    """What sends mail."""

    delivery: Delivery


def open_mail(store: Store, settings: Settings, clock: Clock, timeline: Timeline) -> MailServices:
    """Wires them."""
    languages = open_languages(settings.web.language, settings.web.languages)
    messages = Messages(settings.public_url, settings.mail.sender, languages, settings.pages_url)
    transport = transport_of(settings, messages.domain)
    return MailServices(Delivery(Outbox(store), messages, transport, clock, timeline))
