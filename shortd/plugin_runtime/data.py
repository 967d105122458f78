"""A link's data of a plugin, shown to the plugin before they are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from shortd import errors
from shortd.field_errors import field_error
from shortd.models.links import Link
from shortd.plugin import BadData
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.running import Plugins

MAX_DATA_BYTES = 16 * 1024
"""Most bytes of one plugin's data in a link's row, as msgpack."""

CheckData = Callable[[Link, str, dict[str, Any]], bytes]
"""Data of a link for the plugin of that name, as JSON has them; as the row keeps them."""


def checks(plugins: Plugins, short_url_of: ShortUrlOf) -> CheckData:
    """The check of all plugins that run.

    Raises UNKNOWN_PLUGIN, PLUGIN_FAILED; INVALID_FIELD or MISSING_FIELD, with the field below
    `data`.
    """

    def check(link: Link, name: str, given: dict[str, Any]) -> bytes:
        running = plugins.running.get(name)
        if running is None:
            raise errors.UNKNOWN_PLUGIN(field="plugin")
        kind = running.plugin.Data
        if kind is None:
            raise errors.INVALID_FIELD("This plugin keeps no data of a link.", field="plugin")
        try:
            # Through JSON, so that a plugin's field may be of any type that JSON can spell.
            data = msgspec.json.decode(msgspec.json.encode(given), type=kind)
        except msgspec.ValidationError as fault:
            raise field_error(str(fault), {}, below="data") from None
        try:
            running.plugin.check(data, shown_link(link, short_url_of(link)))
        except BadData as refusal:
            field = f"data.{refusal.field}" if refusal.field else "data"
            raise errors.INVALID_FIELD(refusal.sentence, field=field) from None
        except ValueError as refusal:
            raise errors.INVALID_FIELD(str(refusal) or None, field="data") from None
        except Exception as fault:
            running.check.fail(fault)
            raise errors.PLUGIN_FAILED(field="plugin") from None
        raw = msgspec.msgpack.encode(data)
        if len(raw) > MAX_DATA_BYTES:
            raise errors.INVALID_FIELD(
                "A link keeps at most %(most)s bytes of a plugin's data.",
                field="data",
                most=MAX_DATA_BYTES,
            )
        return raw

    return check
