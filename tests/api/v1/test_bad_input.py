"""Bad input: a caller is told which field is wrong, nothing changes, and nothing is charged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from shortd.api.v1.registry import CALLS, Call
from shortd.testing import open_app
from tests.api.v1.people import Json, checked, refused, send
from tests.api.v1.samples import World, bad_values, each_field, fields
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS


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
    rows, balance = everything(world.app), world.owner.balance
    yield
    assert everything(world.app) == rows
    assert world.owner.balance == balance


def status_of(world: World, call: Call, body: object) -> Json:
    """`status` of a call that must fail with HTTP 200, as the document has it."""
    response = send(world.app, call.name, body, token=world.owner.access_token)
    assert response.status_code == 200
    return refused(response)


FIELDS = [
    pytest.param(call, field, id=f"{call.name}-{field.encode_name}") for call, field in each_field()
]


@pytest.mark.parametrize(("call", "field"), FIELDS)
def test_wrong_types_and_values(world: World, call: Call, field: inspect.Field) -> None:
    values = list(bad_values(field.type))
    assert values
    with nothing_changes(world):
        for value in values:
            status = status_of(world, call, {**world.good(call), field.encode_name: value})
            assert status["code"] == 400, value
            assert status["message"].startswith(field.encode_name), value


@pytest.mark.parametrize(("call", "field"), FIELDS)
def test_missing(world: World, call: Call, field: inspect.Field) -> None:
    """An absent field, null and an empty string are one."""
    name = field.encode_name
    body = world.good(call)
    body.pop(name, None)
    if not field.required:
        read = call.reader.read
        absent = read(json.dumps(body).encode())
        for nothing in (None, ""):
            assert read(json.dumps({**body, name: nothing}).encode()) == absent
        return
    with nothing_changes(world):
        for given in (body, {**body, name: None}, {**body, name: ""}):
            status = status_of(world, call, given)
            assert status["code"] == 400
            assert name in status["message"]


@pytest.mark.parametrize(("call", "field"), FIELDS)
def test_odd_characters(world: World, call: Call, field: inspect.Field) -> None:
    """NUL and its like are refused in some way, whatever the field, and change nothing."""
    rows = everything(world.app)
    for number, text in enumerate(("\0", "a\0b", "\x7f", "\u202e", "\ufffe", "x" * 100_000)):
        body = {**world.good(call), field.encode_name: text}
        response = send(
            world.app,
            call.name,
            body,
            token=world.owner.access_token,
            # An address each: failed logins would slow one another down.
            address=f"10.1.{len(call.name)}.{number + 10 * len(field.encode_name)}",
        )
        assert refused(response)["code"] in (400, 401, 404), text
    assert everything(world.app) == rows


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


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_any_json_gets_a_documented_answer(wild: World, call: Call) -> None:
    right = {field.encode_name: wild.sample(call, field.encode_name) for field in fields(call)}
    values = {name: st.just(value) | json_values for name, value in right.items()}
    good = wild.good(call)
    near = st.fixed_dictionaries(
        {name: values[name] for name in good},
        optional={name: value for name, value in values.items() if name not in good},
    )
    if call.name == "authen/token":
        # Wrong keys are delayed on purpose.
        near = near.filter(lambda body: body == right or "" in body.values())

    @settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(body=near | st.dictionaries(st.text(max_size=8), json_values, max_size=4) | json_values)
    def check(body: Any) -> None:
        status = checked(send(wild.app, call.name, body, token=wild.owner.access_token))["status"]
        assert status["code"] != 500
        if not isinstance(body, dict):
            assert status["code"] in (400, 401)

    check()


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=60))
def test_any_bytes_get_a_documented_answer(wild: World, body: bytes) -> None:
    status_of(wild, CALLS["entity/campaign/delete"], body)


def test_messages_name_the_field_and_what_it_should_be(world: World) -> None:
    call = CALLS["entity/campaign/list"]
    for body, message in {
        b'{"size":0}': "size: Expected `int` >= 1.",
        b'{"size":"many"}': "size: Expected `int`, got `str`.",
        b'{"teamId":"mine"}': "teamId: Expected: 24 hex digits.",
        b'{"teamId":5}': "teamId: Expected `str | null`, got `int`.",
    }.items():
        assert status_of(world, call, body)["message"] == message
    call = CALLS["entity/campaign/delete"]
    message = "Object missing required field `campaignId`."
    assert status_of(world, call, b"{}")["message"] == message
