"""The OpenAPI document: what it says is what the server does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import msgspec
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

from shortd.api.v2.reference import document
from shortd.api.v2.registry import CALLS
from shortd.security import throttle
from shortd.testing import RunningApp, open_app
from tests.api.v2.samples import CODE, JSON_CALLS, World, fields
from tests.conftest import GENEROUS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = document("http://127.0.0.1:8080")
Case = schemathesis.Case[Any]


def schema_of(names: Iterable[str]) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(DOCUMENT).include(path=[f"/v2/{name}" for name in names])


SCHEMA = schema_of(JSON_CALLS)
OWN_SCHEMA = schema_of(
    name
    for name, call in JSON_CALLS.items()
    if "userid" in call.shape.names and name not in ("signup", "logout", "change_password")
)
"""Of the calls that an account can make again and again."""
# What is covered systematically is covered once, without an account.
OWN_SCHEMA.config.phases.coverage.enabled = False


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # Made-up logins fail often; they need not wait for it.
        patch.setattr(throttle, "BURST", 1_000_000)
        with open_app(tmp_path_factory.mktemp("openapi") / "data", environ=GENEROUS) as app:
            yield World(app)


def send(world: World, case: Case, body: Any) -> httpx.Response:
    if body is NOT_SET:
        content = b""
    else:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return world.app.request(case.method, case.formatted_path, content=content)


@SCHEMA.parametrize()
@settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Case, world: World) -> None:
    """Good and bad inputs made from the document alone."""
    response = send(world, case, case.body)
    # Too many of something may be too long a body as well, which is refused before it is read.
    rejection = [] if response.status_code == 413 else [negative_data_rejection]
    case.validate_response(response, checks=[*CHECKS, *rejection, unsupported_method])


@OWN_SCHEMA.parametrize()
@settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_answers_to_an_account_are_as_described(case: Case, world: World) -> None:
    """The same inputs, but from somebody who has an account and an entry."""
    body = case.body
    # An earlier case may have moved or deleted it.
    world.owner.shorten(code=CODE)
    if isinstance(body, dict):
        right = world.good(CALLS[case.path.removeprefix("/v2/")])
        known = right.keys() & {"userid", "token", "shorturl", "shorturl_old", "url", "urls"}
        body = {**body, **{name: right[name] for name in known}}
    case.validate_response(send(world, case, body), checks=CHECKS)


class TestDocument:
    def test_is_served(self, app: RunningApp) -> None:
        response = app.get("/-/docs/openapi.json")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.json() == json.loads(json.dumps(DOCUMENT))

    def test_has_every_call_and_nothing_else(self) -> None:
        assert DOCUMENT["paths"].keys() == {f"/v2/{name}" for name in CALLS}
        for path, item in DOCUMENT["paths"].items():
            assert item.keys() == {"post"}
            assert item["post"]["operationId"] == path.removeprefix("/v2/")

    @pytest.mark.parametrize("name", JSON_CALLS)
    def test_has_every_field(self, name: str) -> None:
        body = DOCUMENT["paths"][f"/v2/{name}"]["post"]["requestBody"]
        [content] = body["content"].values()
        schema = resolve(content["schema"])
        given = {field.encode_name for field in fields(CALLS[name])}
        required = {field.encode_name for field in fields(CALLS[name]) if field.required}
        assert schema["properties"].keys() == given
        assert set(schema.get("required", [])) == required

    def test_weights_are_told(self) -> None:
        post = DOCUMENT["paths"]["/v2/urls"]["post"]
        assert "1000 + 100 per URL" in post["description"]

    def test_every_reference_leads_somewhere(self) -> None:
        references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT))
        assert references
        for reference in references:
            name = reference.removeprefix("#/components/schemas/")
            assert name in DOCUMENT["components"]["schemas"]

    def test_patterns_are_for_any_language(self) -> None:
        r"""JSON Schema has ECMA 262 patterns, in which `\A` and `\Z` are plain letters."""
        patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(DOCUMENT))
        assert patterns
        for pattern in patterns:
            assert not re.search(r"\\[AZz]|\(\?[^:=!<]", json.loads(pattern)), pattern

    def test_it_is_no_secret(self, app: RunningApp) -> None:
        text = app.get("/-/docs/openapi.json").text
        assert str(app.services.settings.data_dir) not in text


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].removeprefix("#/components/schemas/")
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


class TestPage:
    def test_names_every_call_and_field(self, app: RunningApp) -> None:
        response = app.get("/-/docs")
        assert response.status_code == 200
        for call in CALLS.values():
            assert f"/v2/{call.name}" in response.text
            for field in msgspec.structs.fields(call.input_type):
                assert field.encode_name in response.text
