"""What every answer of ww7 v2 must look like, whatever was asked, and what it may change."""

from __future__ import annotations

import re
from typing import Any

import httpx

from shortd.errors import CATALOGUE
from shortd.store.schema import TABLES
from shortd.testing import RunningApp

KEYS = {"output", "status", "type", "utime", "weight"}
ENTRY_TYPES: dict[str, type] = {
    "count": int,
    "count_qr": int,
    "enabled": bool,
    "encryption": int,
    "expiration_count": int,
    "expiration_utime": int,
    "filekey": str,
    "filesize": int,
    "filetype": str,
    "id": int,
    "order": int,
    "shorturl": str,
    "signature": str,
    "tag": int,
    "url": str,
    "userid": str,
    "utime": int,
}
"""An entry's keys: the 15 of the document's samples and the two of its description."""


def checked(response: httpx.Response, name: str) -> dict[str, Any]:
    """The envelope of a response, after asserting that it is a valid one for the call."""
    assert response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    envelope: dict[str, Any] = response.json()
    check_envelope(envelope, name)
    if envelope["status"] == "success":
        assert response.status_code == 200
    else:
        assert response.status_code == CATALOGUE[envelope["error"]["code"]].status
    limited = response.status_code in (429, 503)
    assert ("retry-after" in response.headers) is limited
    assert not limited or re.fullmatch(r"[1-9][0-9]*", response.headers["retry-after"])
    return envelope


def check_envelope(envelope: dict[str, Any], name: str) -> None:
    """Asserts what holds of every envelope, also of those inside a `multi`."""
    assert isinstance(envelope["output"], dict)
    assert envelope["type"] == name
    assert type(envelope["utime"]) is int
    assert type(envelope["weight"]) is int
    if envelope["status"] == "success":
        assert envelope.keys() - {"warnings"} == KEYS
        assert envelope.get("warnings", ["never empty"])
        return
    assert envelope["status"] == "error"
    assert envelope.keys() == KEYS | {"error"}
    assert envelope["output"] == {}
    error = envelope["error"]
    assert error.keys() == {"code", "message", "field"}
    assert error["code"] in CATALOGUE
    assert isinstance(error["message"], str) and error["message"]
    assert error["field"] is None or isinstance(error["field"], str)


def check_entry(entry: dict[str, Any], *, qrcode: bool = False) -> None:
    """Asserts the exact keys and types of an entry."""
    assert entry.keys() == ENTRY_TYPES.keys() | ({"qrcode"} if qrcode else set())
    for key, kind in ENTRY_TYPES.items():
        assert type(entry[key]) is kind, key


def everything(app: RunningApp) -> dict[str, list[Any]]:
    """Every row of every table: two equal ones mean that nothing was changed."""
    with app.services.store.read() as txn:
        return {table.name: list(table.scan(txn)) for table in TABLES}
