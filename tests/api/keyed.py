"""Requests that make something, of all APIs, to be sent with an Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx

from shortd.api.caller import Keyed
from shortd.api.sqwish.registry import CALLS as SQWISH_CALLS
from shortd.api.v1.registry import CALLS as V1_CALLS
from shortd.api.v2.registry import CALLS as V2_CALLS
from shortd.store.schema import REPEAT_BYTES, REPEATS, TABLES
from shortd.testing import RunningApp
from tests.api.v1.people import Client
from tests.api.v1.samples import World as V1World
from tests.sharing.sharing import FORM_TYPE, file_form

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
CONTENT = b"Sales went up."
_PASSING = {REPEATS.name, REPEAT_BYTES.name, "balances", "meta"}


class Sent(NamedTuple):
    """A request."""

    path: str
    body: bytes
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()

    def by(self, app: RunningApp, key: str | None = KEY, **options: Any) -> httpx.Response:
        headers = dict(self.headers)
        if key is not None:
            headers["idempotency-key"] = key
        return app.request(self.method, self.path, content=self.body, headers=headers, **options)


Make = Callable[[V1World, str], Sent]
"""A request of the world's owner. Another text makes it one for something else."""


def json_call(name: str, /, **inputs: Any) -> Make:
    """A call of v2; `@` in its inputs is the text."""

    def make(world: V1World, text: str) -> Sent:
        given = json.loads(json.dumps(inputs).replace("@", text))
        return Sent(f"/v2/{name}", json.dumps({**world.owner.credentials, **given}).encode())

    return make


def v1_call(name: str, field: str) -> Make:
    """A call of v1 whose field is the text."""

    def make(world: V1World, text: str) -> Sent:
        given = {**world.good(V1_CALLS[name]), field: text}
        token = ("authorization", f"Bearer {world.owner.access_token}")
        return Sent(f"/v1/{name}", json.dumps(given).encode(), headers=(token,))

    return make


def _file(world: V1World, text: str) -> Sent:
    query = {**world.owner.credentials, "filename": "a.txt", "filesize": len(CONTENT)}
    body = file_form(query, CONTENT.replace(b"up", text[:2].encode()))
    return Sent("/v2/file", body, headers=(("content-type", FORM_TYPE),))


def _begun(owner: Client) -> str:
    """An upload that is to be finished."""
    app, size = owner.app, len(CONTENT)
    begun = owner.call("file_part_initialize", filename="a.txt", filesize=size)
    query = {"filekey": begun["filekey"], "partnumber": 0, "partsize": size}
    body = file_form({**owner.credentials, **query}, CONTENT)
    headers = {"content-type": FORM_TYPE}
    answer = app.request("POST", "/v2/file_part_upload", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(begun["filekey"])


def _finalize(world: V1World, text: str) -> Sent:
    return json_call("file_part_finalize", filekey=_begun(world.owner), title=text)(world, text)


def _bundle(world: V1World, text: str) -> Sent:
    entries = [{"path": "a/b.txt", "filesize": len(CONTENT)}]
    made = json_call("bundle", filekey=_begun(world.owner), title=text, entries=entries)
    return made(world, text)


def _sqwish(written: str) -> Make:
    def make(world: V1World, text: str) -> Sent:
        given = {"url": f"https://example.org/{text}", "api_key": world.owner.key}
        return Sent(f"/shorten.{written}?{urlencode(given)}", b"", "GET")

    return make


def _upload(world: V1World, text: str) -> Sent:
    parts: list[tuple[str, Any]] = [
        ("api_key", (None, world.owner.key)),
        ("file", ("a.txt", CONTENT, "text/plain")),
        ("custom", (None, text)),
    ]
    form = httpx.Request("POST", "http://x/", files=parts)
    kind = ("content-type", form.headers["content-type"])
    return Sent("/upload.json", form.read(), headers=(kind,))


MAKERS: dict[str, Make] = {
    "v2 url": json_call("url", url="https://example.org/@"),
    "v2 urls": json_call("urls", urls=["https://example.org/@", "https://example.net/"], qr=True),
    "v2 file": _file,
    "v2 file_part_initialize": json_call("file_part_initialize", filename="@", filesize=5),
    "v2 file_part_finalize": _finalize,
    "v2 bundle": _bundle,
    "v2 create_box": json_call("create_box", name="@"),
    "v1 entity/link/create": v1_call("entity/link/create", "note"),
    "v1 entity/team/create": v1_call("entity/team/create", "name"),
    "v1 entity/campaign/create": v1_call("entity/campaign/create", "name"),
    "v1 entity/team/tracker/create": v1_call("entity/team/tracker/create", "name"),
    "v1 entity/team/member/add": lambda world, text: v1_call("entity/team/member/add", "member")(
        world, f"{text}@nowhere.example"
    ),
    "v1 entity/domain/subscribe": lambda world, text: v1_call(
        "entity/domain/subscribe", "domainName"
    )(world, f"{text}.example"),
    "sqwish shorten": _sqwish("json"),
    "sqwish shorten.xml": _sqwish("xml"),
    "sqwish upload": _upload,
}


def calls(keyed: Keyed) -> set[str]:
    """Names of the calls that take a key so."""
    return {
        f"{api} {name}"
        for api, table in (("v2", V2_CALLS), ("v1", V1_CALLS), ("sqwish", SQWISH_CALLS))
        for name, call in table.items()
        if call.keyed is keyed
    }


def rows(app: RunningApp) -> dict[str, int]:
    """How many rows all tables have, but for those that come and go with any request."""
    with app.services.store.read() as txn:
        return {table.name: table.count(txn) for table in TABLES if table.name not in _PASSING}
