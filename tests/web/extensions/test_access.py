"""Who may use a plugin's route: access, by method, by who asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.plugin import Access
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.extensions.conftest import METHODS, OTHER, Desk, key_of
from tests.web.surfer import OWN, Surfer

WHO = ("stranger", "temporary", "locked", "account", "operator")
SERVED = {
    Access.PUBLIC: {who: 200 for who in WHO},
    Access.ACCOUNT: {
        "stranger": 303,
        "temporary": 303,
        "locked": 303,
        "account": 200,
        "operator": 200,
    },
    Access.OPERATOR: {who: 404 for who in WHO} | {"operator": 200},
}
NAMED = {"account": "ann", "operator": "olga"}


def ask(surfer: Surfer, method: str, path: str, origin: str | None = OWN) -> tuple[int, str]:
    headers = {} if origin is None or method == "GET" else {"origin": origin}
    answer = surfer._ask(method, path, None, headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize("path", ["public", "account", "operator", "plain"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("who", WHO)
def test_who_may(people: dict[str, Surfer], path: str, method: str, who: str) -> None:
    access = Access.OPERATOR if path == "plain" else Access(path)
    status, text = ask(people[who], method, f"/-/x/desk/{path}")
    assert status == SERVED[access][who], text
    if status == 200:
        name = NAMED.get(who, "" if who == "temporary" else "None")
        assert text == f"{name} {who == 'operator'}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["public", "account", "operator"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", OTHER, None])
@pytest.mark.parametrize("who", ["account", "operator"])
def test_what_is_not_sent_by_a_page_of_ours_does_nothing(
    running: RunningApp,
    people: dict[str, Surfer],
    path: str,
    method: str,
    origin: str | None,
    who: str,
) -> None:
    served = running.plugin(Desk).served
    served.clear()
    status, _ = ask(people[who], method, f"/-/x/desk/{path}", origin)
    is_hidden = path == "operator" and who != "operator"
    assert (status, served) == (404 if is_hidden else 403, [])


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_browsers_say_themselves_where_a_form_comes_from(
    people: dict[str, Surfer], site: str
) -> None:
    answer = people["account"].send(
        "/-/x/desk/account", headers={"sec-fetch-site": site}, origin=OWN
    )
    assert answer.status_code == 403


def test_strangers_may_send_to_public_routes_from_anywhere(people: dict[str, Surfer]) -> None:
    """As other servers do, which have no cookie."""
    for origin in ("https://evil.example", None):
        assert ask(people["stranger"], "POST", "/-/x/desk/public", origin) == (200, "None False")


@pytest.mark.parametrize("path", ["public", "account", "operator", "nothing"])
@pytest.mark.parametrize("who", ["stranger", "account", "operator"])
def test_on_other_hosts_nobody_is_known(people: dict[str, Surfer], path: str, who: str) -> None:
    surfer = people[who]
    status, text = ask(surfer, "GET", f"{OTHER}/-/x/desk/{path}")
    expected = {"public": (200, "None False"), "nothing": (404, text)}
    assert (status, text) == expected.get(path, (307, ""))
    status, text = ask(surfer, "POST", f"{OTHER}/-/x/desk/{path}")
    assert (status, text) == expected.get(path, (404, text))


@pytest.mark.parametrize("path", ["public", "account", "operator", "plain"])
@pytest.mark.parametrize("who", ["stranger", "account", "operator"])
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_methods_that_are_not_there_tell_no_more_than_the_others(
    people: dict[str, Surfer], path: str, who: str, method: str
) -> None:
    status, _ = ask(people[who], method, f"/-/x/desk/{path}")
    if path in ("operator", "plain") and who != "operator":
        assert status == 404
    elif method == "OPTIONS":
        assert status == (303 if path == "account" and who == "stranger" else 204)
    else:
        assert status == 405


@pytest.mark.parametrize("path", ["public", "account", "operator", "plain", "page", "nothing"])
@pytest.mark.parametrize("who", ["stranger", "account", "operator"])
def test_head_is_answered_as_get_without_the_body(
    people: dict[str, Surfer], path: str, who: str
) -> None:
    look, text = (people[who]._ask(one, f"/-/x/desk/{path}", None, {}) for one in ("HEAD", "GET"))
    assert look.status_code == text.status_code
    assert look.headers.get("content-type") == text.headers.get("content-type")
    assert not look.content


class TestKeys:
    @pytest.mark.parametrize(
        ("scopes", "method", "status"),
        [
            (["read"], "GET", 200),
            (["read"], "POST", 403),
            (["write"], "GET", 403),
            (["write"], "DELETE", 200),
            (["read", "write"], "PUT", 200),
        ],
    )
    def test_a_key_is_its_account(
        self,
        running: RunningApp,
        people: dict[str, Surfer],
        scopes: list[str],
        method: str,
        status: int,
    ) -> None:
        key = key_of(running, "ann", *scopes)
        sent = {"authorization": f"Bearer {key}", "origin": "https://app.example"}
        answer = running.request(method, "/-/x/desk/account", headers=sent)
        assert answer.status_code == status
        if status == 200:
            assert answer.text == "ann False"

    @pytest.mark.parametrize("who", ["ann", "olga"])
    def test_a_key_opens_nothing_of_operators(
        self, running: RunningApp, people: dict[str, Surfer], who: str
    ) -> None:
        sent = {"authorization": f"Bearer {key_of(running, who, 'read', 'write')}"}
        for path in ("operator", "plain"):
            answer = running.request("GET", f"/-/x/desk/{path}", headers=sent)
            assert answer.status_code == 404
        answer = running.request("GET", "/-/x/desk/account", headers=sent)
        assert answer.text == f"{who} False"
        assert running.request("GET", "/-/x/desk/public", headers=sent).text == "None False"
        on_other = running.request("GET", f"{OTHER}/-/x/desk/account", headers=sent)
        assert (on_other.status_code, on_other.text) == (307, "")

    @pytest.mark.parametrize("key", ["", "x", "z" * 64, "a b", "x" * 5000])
    def test_what_is_no_key_opens_nothing(self, running: RunningApp, key: str) -> None:
        sent = {"authorization": f"Bearer {key}"}
        answer = running.request("GET", "/-/x/desk/account", headers=sent)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] in ("token_required", "bad_credentials")


def test_a_sign_in_leads_back_to_the_page(running: RunningApp, people: dict[str, Surfer]) -> None:
    surfer = Surfer(running)
    answer = surfer.get("/-/x/desk/account")
    assert answer.headers["location"] == "/-/login?next=%2F-%2Fx%2Fdesk%2Faccount"
    answer = surfer.sign_in("ann", next="/-/x/desk/account")
    assert answer.headers["location"] == "/-/x/desk/account"
    assert surfer.follow(answer).text == "ann False"


def test_who_still_has_to_set_up_a_second_factor(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_AUTH__SECOND_FACTOR": "all"}
    with open_app(tmp_path / "data", plugins=[Desk], environ=environ) as app:
        ann = Surfer(app)
        ann.sign_up("ann")
        assert ask(ann, "GET", "/-/x/desk/public") == (200, "None False")
        answer = ann.get("/-/x/desk/account")
        assert answer.headers["location"] == "/-/account/second-factor"
        assert ask(ann, "POST", "/-/x/desk/account")[0] == 303
        assert app.plugin(Desk).served == [""]
