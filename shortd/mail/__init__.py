"""Mail: composed here, kept in a durable outbox, and sent until it is delivered or given up.

outbox      the rows: what waits, what was given up, what an address may still get
messages    the text, from templates
transports  one way out: files in a folder, or an SMTP server (`smtp`)
delivery    takes what is due from the first to the last

It must never decide who may be sent a mail; `accounts.mailboxes` does.
"""

from __future__ import annotations

from shortd.mail.delivery import Delivery, send_test
from shortd.mail.messages import Messages
from shortd.mail.outbox import Outbox
from shortd.mail.transports import DeliveryFailure, Transport, transport_of

__all__ = [
    "Delivery",
    "DeliveryFailure",
    "Messages",
    "Outbox",
    "Transport",
    "send_test",
    "transport_of",
]
