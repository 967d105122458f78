"""What the documents of OpenAPI say is what the server does: inputs are made of them alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from shortd.api.reference.document import document
from shortd.api.sqwish.documents import Format
from shortd.api.v1.registry import CALLS as V1_CALLS
from shortd.api.v2.registry import CALLS
from shortd.security import throttle
from shortd.testing import RunningApp, open_app
from tests.api.v1.samples import World as V1World
from tests.api.v2.samples import CODE, JSON_CALLS, World
from tests.conftest import GENEROUS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = document("http://127.0.0.1:8080")
Case = schemathesis.Case[Any]
often = settings(
    max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def schema_of(paths: Iterable[str]) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(DOCUMENT).include(path=list(paths))


SCHEMA = schema_of(f"/v2/{name}" for name in JSON_CALLS)
OWN_SCHEMA = schema_of(
    f"/v2/{name}"
    for name, call in JSON_CALLS.items()
    if "userid" in call.shape.names and name not in ("signup", "logout", "change_password")
)
"""Of the calls that an account can make again and again."""
V1_SCHEMA = schema_of(f"/v1/{name}" for name in V1_CALLS if name != "authen/revoke-token")
SQWISH_SCHEMA = schema_of(f"/{name}.{{format}}" for name in ("shorten", "stats", "ips", "upload"))
PUT_SCHEMA = schema_of(["/-/up/{name}"])
# What is covered systematically is covered once, without an account.
OWN_SCHEMA.config.phases.coverage.enabled = False
V1_SCHEMA.config.phases.coverage.enabled = False


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with pytest.MonkeyPatch.context() as patch:
        # Made-up logins fail often; they need not wait for it.
        patch.setattr(throttle, "BURST", 1_000_000)
        environ = {**GENEROUS, "SHORTD_SQWISH__REQUIRE_KEY": "false"}
        with open_app(tmp_path_factory.mktemp("openapi") / "data", environ=environ) as app:
            yield app


@pytest.fixture(scope="module")
def world(app: RunningApp) -> World:
    return World(app)


@pytest.fixture(scope="module")
def v1_world(app: RunningApp) -> V1World:
    return V1World(app)


def send(app: RunningApp, case: Case, body: Any, **headers: str) -> httpx.Response:
    if body is NOT_SET:
        content = b""
    else:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return app.request(case.method, case.formatted_path, content=content, headers=headers)


def parts(made: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]] | None:
    """A form's parts as httpx takes them: what is of another type is sent as it is written."""
    found = []
    for name, part in made:
        filename, content = (*part[:2],) if isinstance(part, tuple) else (None, part)
        is_raw = isinstance(content, bytes | str)
        found.append((name, (filename, content if is_raw else json.dumps(content, default=str))))
    return found or None


@SCHEMA.parametrize()
@often
def test_answers_are_as_described(case: Case, app: RunningApp) -> None:
    """Good and bad inputs made from the document alone."""
    response = send(app, case, case.body)
    # Too many of something may be too long a body as well, which is refused before it is read; and
    # what is wrong with a call inside `multi` is said inside.
    is_whole = response.status_code == 413 or case.path == "/v2/multi"
    rejection = [] if is_whole else [negative_data_rejection]
    case.validate_response(response, checks=[*CHECKS, *rejection, unsupported_method])


@OWN_SCHEMA.parametrize()
@often
def test_answers_to_an_account_are_as_described(case: Case, world: World) -> None:
    """The same inputs, but from somebody who has an account and an entry."""
    body = case.body
    # An earlier case may have moved or deleted it.
    world.owner.shorten(code=CODE)
    if isinstance(body, dict):
        right = world.good(CALLS[case.path.removeprefix("/v2/")])
        known = right.keys() & {"userid", "token", "shorturl", "shorturl_old", "url", "urls"}
        body = {**body, **{name: right[name] for name in known}}
    case.validate_response(send(world.app, case, body), checks=CHECKS)


@V1_SCHEMA.parametrize()
@settings(often, max_examples=6)
def test_answers_of_v1_are_as_described(case: Case, v1_world: V1World) -> None:
    """Its inputs are read with more patience than the document asks for."""
    name, body = case.path.removeprefix("/v1/"), case.body
    if isinstance(body, dict):
        right = v1_world.good(V1_CALLS[name])
        body = {**body, **{field: one for field, one in right.items() if field in body}}
    bearer = f"Bearer {v1_world.owner.access_token}"
    response = send(v1_world.app, case, body, authorization=bearer)
    case.validate_response(response, checks=CHECKS)


@SQWISH_SCHEMA.parametrize()
@settings(often, max_examples=6)
def test_answers_of_sqwish_are_as_described(case: Case, app: RunningApp) -> None:
    methods = DOCUMENT["paths"][case.path]
    if case.path_parameters.get("format") not in list(Format) or case.method.lower() not in methods:
        # No address, or no method, of this API.
        assert send(app, case, NOT_SET).status_code in (204, 404, 405)
        return
    given = case.as_transport_kwargs(base_url="http://127.0.0.1:8080")
    made = httpx.Request(
        case.method,
        given["url"],
        params=case.query or None,
        content=given.get("data") if isinstance(given.get("data"), bytes) else None,
        data=given.get("data") if isinstance(given.get("data"), dict) else None,
        files=parts(given.get("files") or ()),
    )
    response = app.request(
        case.method,
        made.url.raw_path.decode(),
        content=made.read(),
        headers=dict(made.headers),
    )
    xml = response.headers["content-type"].startswith("application/xml")
    checks = [one for one in CHECKS if not (xml and one is response_schema_conformance)]
    case.validate_response(response, checks=checks)


@PUT_SCHEMA.parametrize()
@settings(often, max_examples=24)
def test_answers_to_files_by_put_are_as_described(case: Case, app: RunningApp) -> None:
    """Without a key, as the home page of this server takes files from everybody."""
    given = case.as_transport_kwargs(base_url="http://127.0.0.1:8080")
    body = given.get("data")
    made = httpx.Request(case.method, given["url"], params=case.query or None)
    content = body if isinstance(body, bytes) else str(body or "").encode(errors="replace")
    headers = {
        name.lower(): value
        for name, value in dict(case.headers or {}).items()
        if name.lower() == "idempotency-key"
    }
    path = made.url.raw_path.decode()
    response = app.request(case.method, path, content=content, headers=headers)
    if path.partition("?")[0].count("/") > 3:
        # What is made up as a name is the path of something else.
        assert response.status_code == 404
        return
    case.validate_response(response, checks=[*CHECKS, unsupported_method])
