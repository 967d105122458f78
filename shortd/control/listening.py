"""Where the running server answers, for who would ask it there."""

from __future__ import annotations

import msgspec

from shortd.control.registry import Args, Portions, View, look


class Listening(msgspec.Struct, frozen=True):
    """One of its sockets."""

    address: str
    """As `server.listening.name_of` writes it."""


@look("listening", is_logged=False)
def listening(view: View, args: Args) -> Portions:
    if view.services is not None:
        yield [Listening(address) for address in view.services.in_force.listening]
