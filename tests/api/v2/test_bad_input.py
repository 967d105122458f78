"""Bad input: whatever comes, a caller is told which field is wrong, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from shortd.api.v2.registry import CALLS, Call
from shortd.errors import CATALOGUE
from shortd.testing import open_app
from tests.api.v2.envelopes import check_envelope, checked, everything
from tests.api.v2.samples import JSON_CALLS, World, bad_values, fields, kinds, strings
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

DEEP = 100_000
LIMIT = 4 << 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One app for all of them, since none of them may change anything."""
    with open_app(tmp_path_factory.mktemp("bad") / "data", environ=GENEROUS) as app:
        yield World(app)


@pytest.fixture
def wild(tmp_path: Path) -> Iterator[World]:
    """An app of one's own, for input that may happen to be right."""
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


@contextmanager
def nothing_changes(world: World) -> Iterator[None]:
    """Neither a row nor the owner's balance."""
    entries = world.owner.entries()
    rows, balance = everything(world.app), world.owner.balance
    yield
    assert everything(world.app) == rows
    assert world.owner.balance == balance
    assert world.owner.entries() == entries


def refused(world: World, call: Call, body: bytes | dict[str, Any]) -> dict[str, Any]:
    """The error of a call that must fail with a 400."""
    # A new address each time, so that failed logins do not slow one another down.
    refused.addresses += 1  # type: ignore[attr-defined]
    high, low = divmod(refused.addresses, 256)  # type: ignore[attr-defined]
    response = world.app.post(call.name, body, address=f"10.0.{high % 256}.{low}")
    envelope = checked(response, call.name)
    assert response.status_code == 400, envelope
    assert envelope["weight"] == 0
    error: dict[str, Any] = envelope["error"]
    return error


refused.addresses = 0  # type: ignore[attr-defined]


def each_field() -> list[Any]:
    return [
        pytest.param(call, field, id=f"{call.name}-{field.encode_name}")
        for call in JSON_CALLS.values()
        for field in fields(call)
    ]


def test_the_matrix_is_not_empty() -> None:
    assert len(each_field()) >= 60


@pytest.mark.parametrize(("call", "field"), each_field())
def test_wrong_types_and_values(world: World, call: Call, field: inspect.Field) -> None:
    values = list(bad_values(field.type))
    assert values
    with nothing_changes(world):
        for value in values:
            error = refused(world, call, {**world.good(call), field.encode_name: value})
            assert error["code"] == "invalid_field", value
            name, _, rest = error["field"].partition("[")
            assert name == field.encode_name, value
            assert not rest or isinstance(value, list)


@pytest.mark.parametrize(("call", "field"), each_field())
def test_missing(world: World, call: Call, field: inspect.Field) -> None:
    body = world.good(call)
    body.pop(field.encode_name, None)
    if field.required:
        with nothing_changes(world):
            error = refused(world, call, body)
        assert error["code"] == "missing_field"
        assert error["field"] == field.encode_name
    elif "null" in kinds(field.type) and field.encode_name != "robots":
        # Whatever comes of the call, null means what absence means. (Of `robots` it is a value.)
        assert call.parse(json.dumps({**body, field.encode_name: None}).encode()) == call.parse(
            json.dumps(body).encode()
        )


def each_string() -> list[Any]:
    return [
        pytest.param(call, name, id=f"{call.name}-{name}")
        for call in JSON_CALLS.values()
        for name in strings(call)
    ]


@pytest.mark.parametrize(("call", "name"), each_string())
def test_strings_that_are_no_unicode(world: World, call: Call, name: str) -> None:
    """Half surrogate pairs, and bytes that are no UTF-8: no JSON."""
    body = {**world.good(call), name: "@"}
    text = json.dumps(body).encode()
    with nothing_changes(world):
        for bad in (
            b"\\ud800",
            b"\\udfff",
            b"a\\udc00\\ud800",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xc0\x80",
        ):
            body_bytes = text.replace(b'"@"', b'"' + bad + b'"')
            assert refused(world, call, body_bytes)["code"] == "bad_json"


@pytest.mark.parametrize(("call", "name"), each_string())
def test_strings_of_odd_characters(world: World, call: Call, name: str) -> None:
    """NUL and its like, in every place, are some 4xx; what they are depends on the field."""
    sample = str(world.good(call).get(name, "abcdef"))
    with nothing_changes_but_weight(world):
        odd = ["\0", "a\0b", f"{sample}\0", f"\0{sample}", "\x7f", "\u202e", "x" * (1 << 20)]
        if name == "second_factor":
            # Nobody reads it of an account that has none.
            return
        if name.startswith("shorturl"):
            # What nobody sees around an address is no part of it.
            odd = [text for text in odd if sample not in text]
        for text in odd:
            body = {**world.good(call), name: text}
            # An address each: failed logins would slow one another down.
            address = f"10.1.{len(text) % 250}.{ord(text[0]) % 250}"
            response = world.app.post(call.name, body, address=address)
            checked(response, call.name)
            assert 400 <= response.status_code < 500, text


@contextmanager
def nothing_changes_but_weight(world: World) -> Iterator[None]:
    rows = everything(world.app)
    yield
    assert everything(world.app) == rows


NOT_JSON = {
    "empty": b"",
    "white space": b" \t\r\n",
    "null": b"null",
    "true": b"true",
    "number": b"5",
    "string": b'"{}"',
    "array": b"[]",
    "array of an object": b"[{}]",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-32": "{}".encode("utf-32"),
    "trailing text": b"{} x",
    "trailing brace": b"{}}",
    "two objects": b"{}{}",
    "trailing NUL": b"{}\0",
    "unclosed": b"{",
    "unclosed string": b'{"a',
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "unquoted name": b"{a:1}",
    "number as name": b"{1:1}",
    "comment": b"{/* */}",
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "leading zero": b'{"a":01}',
    "hexadecimal": b'{"a":0x1}',
    "plus sign": b'{"a":+1}',
    "bare fraction": b'{"a":.5}',
    "bare newline": b'{"a":"\n"}',
    "bad escape": b'{"a":"\\x41"}',
    "half an escape": b'{"a":"\\u12"}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "half a surrogate pair as name": b'{"\\ud800":1}',
    "no UTF-8 in a name": b'{"\xff":1}',
    "form": b"userid=x&url=y",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{}\r\n--x--\r\n',
    "deep arrays": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep arrays in an unknown field": b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects in an unknown field": b'{"b":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep and unclosed": b'{"a":' + b"[" * DEEP,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_no_json_object(world: World, body: bytes) -> None:
    with nothing_changes(world):
        for call in JSON_CALLS.values():
            assert refused(world, call, body) == {
                "code": "bad_json",
                "message": CATALOGUE["bad_json"].message,
                "field": None,
            }


@pytest.mark.parametrize("unit", [b"[", b'{"a":'])
def test_deep_nesting_in_known_fields(world: World, unit: bytes) -> None:
    with nothing_changes(world):
        for call in JSON_CALLS.values():
            for field in fields(call):
                body = b'{"%s":%s' % (field.encode_name.encode(), unit * DEEP)
                assert refused(world, call, body)["code"] in ("bad_json", "invalid_field")


@pytest.mark.parametrize(
    "query",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'[{"type":"url","input":{"a":' + b"[" * DEEP + b"]" * DEEP + b"}}]",
        b'[{"type":"url","input":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}]",
        b'[{"type":"url","other":' + b"[" * DEEP + b"]" * DEEP + b"}]",
    ],
)
def test_deep_nesting_in_call_queries(world: World, query: bytes) -> None:
    with nothing_changes(world):
        error = refused(world, CALLS["multi"], b'{"call_queries":' + query + b"}")
        assert error["code"] in ("bad_json", "invalid_field")


@pytest.mark.parametrize(
    "number",
    [b"5.0", b"5e0", b"1E3", b"-0.0", b"1e400", b"-1e400", b"9" * 19, b"9" * 400, b"9" * 100_000],
)
def test_integers_are_integers_of_64_bits(world: World, number: bytes) -> None:
    with nothing_changes(world):
        for call in JSON_CALLS.values():
            for field in fields(call):
                if "integer" in kinds(field.type) and field.encode_name != "filesize":
                    body = json.dumps({**world.good(call), field.encode_name: "@"}).encode()
                    error = refused(world, call, body.replace(b'"@"', number))
                    assert (error["code"], error["field"]) == ("invalid_field", field.encode_name)


@pytest.mark.parametrize("inner", [b'{"\xff":1}', b'{"\\ud800":1}', b'{"a":}', b'{"a" 1}'])
def test_names_inside_qr_that_are_no_unicode(world: World, inner: bytes) -> None:
    with nothing_changes(world):
        for name in ("url", "urls", "get_entry", "get_entries"):
            body = json.dumps({**world.good(CALLS[name]), "qr": "@"}).encode()
            assert refused(world, CALLS[name], body.replace(b'"@"', inner))["code"] == "bad_json"


def test_the_last_of_duplicate_names_counts(wild: World) -> None:
    text = json.dumps({**wild.owner.credentials, "url": "https://example.com/", "tag": 1}).encode()
    response = wild.app.post("url", text[:-1] + b',"tag":2,"tag":3}')
    assert checked(response, "url")["output"]["entry"]["tag"] == 3
    # A wrong value among them is an error all the same, wherever it stands.
    for tags in (b',"tag":"x"}', b',"tag":"x","tag":2}'):
        assert refused(wild, CALLS["url"], text[:-1] + tags)["field"] == "tag"


class TestBodySize:
    def body(self, size: int) -> bytes:
        return b'{"a":"' + b"x" * (size - 8) + b'"}'

    def test_four_mebibytes_are_enough(self, world: World) -> None:
        start = json.dumps({**world.owner.credentials, "a": ""}).encode()[:-2]
        body = start + b"x" * (LIMIT - len(start) - 2) + b'"}'
        assert len(body) == LIMIT
        response = world.app.post("get_entries", body)
        assert checked(response, "get_entries")["status"] == "success", response.json()

    def test_without_credentials_less_is(self, world: World) -> None:
        with nothing_changes(world):
            response = world.app.post("temporary_account", self.body(LIMIT))
            checked(response, "temporary_account")
            assert response.status_code == 413
            assert response.json()["error"]["code"] == "credentials_first"

    @pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
    def test_more_is_too_large(self, world: World, size: int) -> None:
        with nothing_changes(world):
            for name in ("temporary_account", "url", "multi", "no_such_call"):
                response = world.app.post(name, self.body(size))
                envelope = checked(response, name)
                assert response.status_code == 413
                assert envelope["error"]["code"] == "body_too_large"

    def test_over_the_wire(self, server: ServerProcess) -> None:
        """The client gets to read the refusal, with and without a Content-Length."""
        body = self.body(3 * LIMIT)
        chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
        for content, code in ((body, "body_too_large"), (chunks, "credentials_first")):
            response = httpx.post(f"{server.url}/v2/temporary_account", content=content, timeout=30)
            assert response.status_code == 413
            check_envelope(response.json(), "temporary_account")
            assert response.json()["error"]["code"] == code
        assert server.call("temporary_account")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("call", JSON_CALLS.values(), ids=JSON_CALLS.keys())
def test_any_json_gets_an_envelope(wild: World, call: Call) -> None:
    good = wild.good(call)
    right = {field.encode_name: wild.sample(field) for field in fields(call)}
    values = {name: st.just(value) | json_values for name, value in right.items()}
    near = st.fixed_dictionaries(
        {name: values[name] for name in good},
        optional={name: value for name, value in values.items() if name not in good},
    )
    if "password" in values:
        # Wrong passwords are delayed on purpose, right ones make accounts and tokens.
        near = near.filter(lambda body: body.get("password") != right["password"])

    @settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(body=near | st.dictionaries(st.text(max_size=8), json_values, max_size=4) | json_values)
    def check(body: Any) -> None:
        response = wild.app.post(call.name, json.dumps(body).encode())
        envelope = checked(response, call.name)
        if not isinstance(body, dict):
            assert envelope["error"]["code"] == "bad_json"

    check()


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=60))
def test_any_bytes_get_an_envelope(wild: World, body: bytes) -> None:
    response = wild.app.post("url", body)
    assert checked(response, "url")["error"]["code"] in ("bad_json", "missing_field")


class TestAddresses:
    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "PATCH", "TRACE", "QUERY"])
    def test_only_post(self, world: World, method: str) -> None:
        with nothing_changes(world):
            for name in JSON_CALLS:
                response = world.app.request(method, f"/v2/{name}", content=b"{}")
                assert response.status_code == 405
                assert "POST" in response.headers["allow"]
                assert response.headers["content-type"] == "application/json"
                if method == "HEAD":
                    assert response.content == b""
                else:
                    assert checked(response, name)["error"]["code"] == "method_not_allowed"

    def test_options_tells_the_method(self, world: World) -> None:
        response = world.app.request("OPTIONS", "/v2/url")
        assert response.status_code == 204
        assert "POST" in response.headers["allow"]

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/v2/no_such_call", "no_such_call"),
            ("/v2/URL", "URL"),
            ("/v2/url%20", "url "),
            ("/v2/%00", "\0"),
            ("/v2/%ff", "\ufffd"),
            ("/v2/..%2f..%2fetc", "../../etc"),
            ("/v2/", ""),
            ("/v2/url/extra", "url/extra"),
            ("/v2/%F0%9F%99%82", "🙂"),
            ("/v2/" + "x" * 5000, "x" * 5000),
        ],
    )
    def test_no_call(self, world: World, path: str, name: str) -> None:
        with nothing_changes(world):
            for body in (b"{}", b"", b"nonsense"):
                response = world.app.request("POST", path, content=body)
                assert response.status_code == 404
                envelope = checked(response, response.json()["type"])
                assert envelope["error"]["code"] in ("unknown_call", "not_found")
                assert name.startswith(envelope["type"])

    @pytest.mark.parametrize("path", ["/v2", "/v2x", "/V2/url", "/v3/url"])
    def test_beside_it(self, world: World, path: str) -> None:
        """Not ours to answer in an envelope, but no fault either."""
        response = world.app.request("POST", f"http://127.0.0.1:8080{path}", content=b"{}")
        assert response.status_code in (404, 405)
        assert response.json()["error"]["code"] in ("not_found", "method_not_allowed")

    def test_the_query_string_means_nothing(self, world: World) -> None:
        response = world.app.request("POST", "/v2/get_entries?count=0", content=b"{}")
        assert checked(response, "get_entries")["error"]["field"] == "userid"


def test_a_fault_of_ours_is_an_envelope_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(world.app.services.links.links, "get", broken)
    body = {**world.owner.credentials, "shorturl": world.entry["shorturl"]}
    response = world.app.post("get_entry", body)
    assert response.status_code == 500
    check_envelope(response.json(), "get_entry")
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text
