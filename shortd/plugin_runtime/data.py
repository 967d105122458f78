"""A link's data of a plugin, shown to the plugin before they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from shortd import errors
from shortd.field_errors import field_error, wishes_of
from shortd.hosts import Hosts
from shortd.hosts.destinations import refuse_blocked, trimmed
from shortd.models.links import Link
from shortd.plugin import BadData
from shortd.plugin.refused import sendable
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.running import Plugins
from shortd.plugin_runtime.workers import failure

MAX_DATA_BYTES = 16 * 1024
"""Most bytes of one plugin's data in a link's row, as msgpack."""
DEPTH = 64
"""Most lists and objects in one another: whoever reads a row later may have less of the stack."""

CheckData = Callable[[Link, str, dict[str, Any]], bytes]
"""Data of a link for the plugin of that name, as JSON has them; as the row keeps them."""

_URL = re.compile(r"https?://", re.IGNORECASE)
_decode = msgspec.msgpack.Decoder().decode


def checks(plugins: Plugins, hosts: Hosts) -> CheckData:
    """The check of all plugins that run.

    Raises UNKNOWN_PLUGIN, PLUGIN_FAILED; INVALID_FIELD, MISSING_FIELD or DESTINATION_BLOCKED, with
    the field below `data`. A URL that was blocked since the link has it may stay.
    """

    def check(link: Link, name: str, given: dict[str, Any]) -> bytes:
        running = plugins.running.get(name)
        if running is None:
            raise errors.UNKNOWN_PLUGIN(field="plugin")
        kind = running.plugin.Data
        if kind is None:
            raise errors.INVALID_FIELD("This plugin keeps no data of a link.", field="plugin")
        if _is_deeper(given, DEPTH):
            raise errors.INVALID_FIELD(
                "Data can be nested %(most)s levels deep.", field="data", most=DEPTH
            )
        try:
            # Through JSON, so that a plugin's field may be of any type that JSON can spell.
            data = msgspec.json.decode(msgspec.json.encode(given), type=kind)
        except msgspec.ValidationError as fault:
            raise field_error(str(fault), wishes_of(kind), below="data") from None
        try:
            running.plugin.check(data, shown_link(link, hosts.short_url(link)))
        except BadData as refusal:
            field = f"data.{refusal.field}" if refusal.field else "data"
            raise errors.INVALID_FIELD(refusal.sentence, field=field) from None
        except ValueError as refusal:
            raise errors.INVALID_FIELD(sendable(str(refusal)) or None, field="data") from None
        except BaseException as fault:
            running.check.fail(failure(fault))
            raise errors.PLUGIN_FAILED(field="plugin") from None
        try:
            raw = msgspec.msgpack.encode(data)
        except OverflowError:
            raise errors.INVALID_FIELD("A number is too large.", field="data") from None
        if len(raw) > MAX_DATA_BYTES:
            raise errors.INVALID_FIELD(
                "A link keeps at most %(most)s bytes of a plugin's data.",
                field="data",
                most=MAX_DATA_BYTES,
            )
        _check_blocked(raw, (link.plugins or {}).get(name), hosts)
        return raw

    return check


def _check_blocked(raw: bytes, before: bytes | None, hosts: Hosts) -> None:
    """DESTINATION_BLOCKED for data with a URL that is blocked and was not there before. Whether the
    plugin would lead there is its own affair, and for it to know."""
    if hosts.names.blocks is None:
        return
    known = {url for _, url in urls_in(_decode(before))} if before else set()
    for place, url in urls_in(_decode(raw)):
        if url not in known:
            refuse_blocked(url, hosts.names, field=f"data{place}")


def _is_deeper(data: object, most: int) -> bool:
    """Whether more lists and objects than that are in one another."""
    level: list[object] = [data]
    for _ in range(most):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, (dict, list)) for value in level)


def urls_in(data: object) -> Iterator[tuple[str, str]]:
    """Texts that are http or https URLs as a whole, each behind its place: `.variants[1].url`."""
    # However deep it is: data of any form are not to end a search through all links.
    waiting: list[tuple[str, object]] = [("", data)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str):
            url = trimmed(value)
            if _URL.match(url):
                yield place, url
        elif isinstance(value, Mapping):
            inside = [(f"{place}.{name}", inner) for name, inner in value.items()]
            waiting += reversed(inside)
        elif isinstance(value, Sequence) and not isinstance(value, bytes):
            inside = [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]
            waiting += reversed(inside)
