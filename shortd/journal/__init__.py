"""The click journal: payloads appended on the event loop, read once by the writer thread.

A click is safe from kill -9 as soon as `flush` has handed it to the kernel, and safe from
power loss after the next `sync`; the database remembers in the transaction that counts the
clicks how far it has read. The journal never knows what a payload means, and nothing here
may know of HTTP, links or the database.
"""

from shortd.journal.frames import MAX_PAYLOAD
from shortd.journal.journal import Journal
from shortd.journal.status import JournalStatus

__all__ = ["MAX_PAYLOAD", "Journal", "JournalStatus"]
