"""The documents of OpenAPI: whole, valid, and put so that generators get them right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from shortd.api.reference.document import all_apis, document
from shortd.api.reference.operations import Api, Operation
from shortd.api.sqwish.registry import CALLS as SQWISH_CALLS
from shortd.api.sqwish.uploads import NAME as UPLOAD
from shortd.api.v1.registry import CALLS as V1_CALLS
from shortd.api.v2.registry import CALLS as V2_CALLS
from shortd.errors import CATALOGUE
from shortd.testing import RunningApp
from tests.api.v1.samples import fields as v1_fields
from tests.api.v2.samples import fields as v2_fields

BASE = "http://127.0.0.1:8080"
DOCUMENTS = {only: document(BASE, only) for only in (None, *Api)}
WHOLE = DOCUMENTS[None]
SCHEMAS: dict[str, Any] = WHOLE["components"]["schemas"]
OPERATIONS = {(one.api, one.name): one for api in all_apis(BASE) for one in api.operations}
NAMES = {
    Api.V2: {f"/v2/{name}" for name in V2_CALLS},
    Api.V1: {f"/v1/{name}" for name in V1_CALLS},
    Api.PUT: {"/-/up/{name}"},
    Api.SQWISH: {f"/{name}.{{format}}" for name in (*SQWISH_CALLS, UPLOAD)},
}


def every(value: object) -> Iterator[dict[str, Any]]:
    """All objects in a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from every(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner)


def described() -> Iterator[dict[str, Any]]:
    for item in WHOLE["paths"].values():
        yield from item.values()


@pytest.mark.parametrize("only", DOCUMENTS)
class TestEach:
    def test_is_valid(self, only: Api | None) -> None:
        assert list(OpenAPIV31SpecValidator(DOCUMENTS[only]).iter_errors()) == []

    def test_is_served(self, app: RunningApp, only: Api | None) -> None:
        response = app.get(f"/-/docs/{only or 'openapi'}.json")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.json() == json.loads(json.dumps(DOCUMENTS[only]))
        assert str(app.services.settings.data_dir) not in response.text

    def test_has_every_call_and_nothing_else(self, only: Api | None) -> None:
        expected = set().union(*NAMES.values()) if only is None else NAMES[only]
        assert DOCUMENTS[only]["paths"].keys() == expected

    def test_has_all_components_that_it_needs_and_no_others(self, only: Api | None) -> None:
        text = json.dumps(DOCUMENTS[only])
        referred = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
        assert referred == DOCUMENTS[only]["components"]["schemas"].keys()


class TestCalls:
    def test_ids_and_tags(self) -> None:
        ids = [one["operationId"] for one in described()]
        assert len(ids) == len(set(ids))
        assert {"url", "v1_entity_link_create", "sqwish_shorten", "sqwish_shorten_get"} <= set(ids)
        known = {tag["name"] for tag in WHOLE["tags"]}
        for one in described():
            assert len(one["tags"]) == 1
            assert set(one["tags"]) <= known

    @pytest.mark.parametrize("name", V2_CALLS)
    def test_of_v2_have_every_field(self, name: str) -> None:
        schema = OPERATIONS[Api.V2, name].input
        given = v2_fields(V2_CALLS[name])
        assert schema.get("properties", {}).keys() == {field.encode_name for field in given}
        required = {field.encode_name for field in given if field.required}
        assert set(schema.get("required", ())) == required

    @pytest.mark.parametrize("name", V1_CALLS)
    def test_of_v1_have_every_field(self, name: str) -> None:
        schema = OPERATIONS[Api.V1, name].input
        given = v1_fields(V1_CALLS[name])
        assert schema.get("properties", {}).keys() == {field.encode_name for field in given}
        required = {field.encode_name for field in given if field.required}
        assert set(schema.get("required", ())) == required

    @pytest.mark.parametrize("name", [name for name, call in V2_CALLS.items() if call.form])
    def test_with_a_file_are_forms(self, name: str) -> None:
        body = WHOLE["paths"][f"/v2/{name}"]["post"]["requestBody"]
        [(media, content)] = body["content"].items()
        assert media == "multipart/form-data"
        form = SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]]
        assert form["required"] == ["query", "file"]
        assert form["properties"]["file"]["format"] == "binary"
        assert content["encoding"] == {"query": {"contentType": "application/json"}}

    def test_of_v1_want_a_token_but_for_those_that_give_one(self) -> None:
        for name in V1_CALLS:
            security = WHOLE["paths"][f"/v1/{name}"]["post"]["security"]
            opens = name in ("authen/token", "authen/refresh-token")
            assert security == ([] if opens else [{"accessToken": []}])

    @pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.id)
    def test_tell_their_weight_and_have_an_example(self, operation: Operation) -> None:
        method = operation.methods[-1].lower()
        assert (
            f"Weight: {operation.weight}." in WHOLE["paths"][operation.path][method]["description"]
        )
        shown = operation.example.literal
        assert set(operation.input.get("required", ())) - {"file"} <= shown.keys()
        assert "$" not in json.dumps(shown)


def test_examples_are_what_their_schemas_say() -> None:
    for path, item in WHOLE["paths"].items():
        for method in item.keys() & {"post"}:
            [content] = item[method]["requestBody"]["content"].values()
            schema = {**content["schema"], "components": WHOLE["components"]}
            validator = Draft202012Validator(json.loads(json.dumps(schema)))
            assert [fault.message for fault in validator.iter_errors(content["example"])] == [], (
                path
            )


class TestSchemas:
    def test_nothing_optional_looks_as_if_it_were_always_there(self) -> None:
        """openapi-typescript takes what has a default for that."""
        assert not any("default" in one for one in every(SCHEMAS) if "type" in one)

    def test_patterns_are_for_any_language(self) -> None:
        r"""JSON Schema has ECMA 262 patterns, in which `\A` and `\Z` are plain letters."""
        patterns = [one["pattern"] for one in every(SCHEMAS) if isinstance(one.get("pattern"), str)]
        assert patterns
        for pattern in patterns:
            assert not re.search(r"\\[AZz]|\(\?[^:]|\$.", pattern), pattern

    def test_choices_differ_by_more_than_case(self) -> None:
        choices = [one["enum"] for one in every(SCHEMAS) if "enum" in one]
        assert ["H", "L", "M", "Q"] in choices
        for values in choices:
            names = [value.lower() for value in values if isinstance(value, str)]
            assert len(names) == len(set(names))

    def test_large_numbers_say_so_and_may_be_sent_as_text(self) -> None:
        assert SCHEMAS["Entry"]["properties"]["tag"]["format"] == "int64"
        number, text = SCHEMAS["SetTagInput"]["properties"]["tag"]["anyOf"]
        assert (number["type"], number["format"], text["type"]) == ("integer", "int64", "string")

    def test_descriptions_are_not_lost(self) -> None:
        assert SCHEMAS["UrlInput"]["properties"]["token"] == {
            "description": "A token from login or signup.",
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9]{32}$",
        }
        for name, one in SCHEMAS.items():
            for field, schema in one.get("properties", {}).items():
                for option in schema.get("anyOf", ()):
                    assert "description" not in option, f"{name}.{field}"

    def test_what_a_call_may_be_refused_for_is_a_closed_list(self) -> None:
        assert SCHEMAS["ErrorCode"]["enum"] == list(CATALOGUE)
        code = SCHEMAS["ErrorInfo"]["properties"]["code"]
        assert code == {"$ref": "#/components/schemas/ErrorCode"}
        refusals = {
            json.dumps(response["content"]["application/json"]["schema"])
            for path, item in WHOLE["paths"].items()
            if path.startswith("/v2/")
            for status, response in item["post"]["responses"].items()
            if status != "200"
        }
        assert refusals == {'{"$ref": "#/components/schemas/Refusal"}'}

    def test_multi_says_which_calls_it_takes_and_what_they_answer(self) -> None:
        within = {name for name, call in V2_CALLS.items() if not call.form} - {"multi"}
        for name in ("MultiQuery", "Success"):
            discriminator = SCHEMAS[name]["discriminator"]
            assert discriminator["propertyName"] == "type"
            assert discriminator["mapping"].keys() == within
            for call, reference in discriminator["mapping"].items():
                schema = SCHEMAS[reference.rpartition("/")[2]]
                assert schema["properties"]["type"]["const"] == call
        assert "required" not in SCHEMAS["UrlQuery"]["properties"]["input"]


class TestPage:
    def test_names_every_call_and_field(self, app: RunningApp) -> None:
        page = app.get("/-/docs").text
        for operation in OPERATIONS.values():
            assert f"</b> {operation.path}</code>" in page
            for field in operation.input.get("properties", {}):
                assert f"<code>{field}</code>" in page

    def test_is_small(self, app: RunningApp) -> None:
        packed = app.get("/-/docs", headers={"accept-encoding": "gzip"})
        plain = app.get("/-/docs", headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
        assert int(packed.headers["content-length"]) < 60_000
        assert packed.text == plain.text

    def test_every_link_within_leads_somewhere(self, app: RunningApp) -> None:
        page = app.get("/-/docs").text
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'href="#([^"]+)"', page)) - {"main"} <= set(ids)
