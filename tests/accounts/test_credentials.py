"""Whatever takes an account back ends all that opened it before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from shortd.accounts.identities import person_of_proxy
from shortd.models.mail import MailPurpose
from shortd.store import schema
from shortd.store.schema import CODES, CREDENTIALS, KNOWN_CLIENTS, OUTBOX, TABLES
from shortd.store.table import Table
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.api.v2.people import PASSWORD, double_sha256
from tests.authenticator import Authenticator
from tests.conftest import GENEROUS
from tests.teams.people import Colleague, Newcomer
from tests.web.account.test_passkeys import add
from tests.web.surfer import Surfer, derived

OLD, NEW = double_sha256(PASSWORD), double_sha256("Another 1")
STRANGER = "203.0.113.66"

OWN = "http://localhost:8080"
"""Where browsers have passkeys."""

Opens = Callable[[], bool]
"""Whether a credential still does."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with open_app(tmp_path / "data", environ={**GENEROUS, "SHORTD_PUBLIC_URL": OWN}) as running:
        yield running


def v1(app: RunningApp, path: str, body: object, token: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return app.request("POST", f"/v1/{path}", content=json.dumps(body), headers=headers)


def works(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and not answer.json().get("status", {}).get("code", 0)


def v2_login(ann: Colleague) -> Opens:
    token = ann.app.call("login", username_email="ann", password=OLD)["token"]
    return lambda: ann.post("check_credentials", token=token).status_code == 200


def web_session(ann: Colleague) -> Opens:
    surfer = Surfer(ann.app, OWN)
    assert surfer.sign_in("ann").status_code == 303
    return lambda: surfer.is_in()


def api_key(ann: Colleague, *scopes: str) -> str:
    key: str = ann.call("create_api_key", name="x", scopes=scopes or ("read", "write"))["api_key"]
    return key


def v1_pair(ann: Colleague) -> dict[str, str]:
    answer = v1(ann.app, "authen/token", {"username": "ann", "key": api_key(ann)})
    pair: dict[str, str] = answer.json()["token"]
    return pair


def v1_access_token(ann: Colleague) -> Opens:
    token = v1_pair(ann)["access_token"]
    return lambda: works(v1(ann.app, "entity/team/list", {}, token))


def v1_refresh_token(ann: Colleague) -> Opens:
    token = v1_pair(ann)["refresh_token"]
    return lambda: works(v1(ann.app, "authen/refresh-token", {"refreshToken": token}))


def key_at_v1(ann: Colleague) -> Opens:
    key = api_key(ann)
    return lambda: works(v1(ann.app, "authen/token", {"username": "ann", "key": key}))


def key_at_sqwish(ann: Colleague) -> Opens:
    key = api_key(ann, "write")
    query = urlencode({"api_key": key, "url": "https://example.com/"})
    return lambda: ann.app.get(f"/shorten.json?{query}").status_code == 200


def passkey(ann: Colleague) -> Opens:
    key, surfer = Authenticator(OWN), Surfer(ann.app, OWN)
    assert surfer.sign_in("ann").status_code == 303
    assert add(surfer, key).status_code == 303
    passkeys = ann.app.services.accounts.passkeys

    def opens() -> bool:
        asked = json.loads(passkeys.request_options(ann.app.clock.now()))
        form = {"credential": key.sign(asked)}
        return Surfer(ann.app, OWN).send("/-/login/passkey", form).status_code == 303

    return opens


def identity(ann: Colleague) -> Opens:
    identities = ann.app.services.accounts.identities
    person = person_of_proxy(f"ann {uuid4()}")
    ann.do(identities.link(ann.account, person, ann.now))
    return lambda: identities.account_of(person) is not None


def login_link(ann: Colleague) -> Opens:
    links = ann.app.services.accounts.login_links
    link = ann.do(links.make(ann.account, ann.now))
    return lambda: links.is_good(link, ann.app.clock.now())


def mailed_code(ann: Colleague) -> Opens:
    code = ann.app.run(_forgotten(ann))

    def opens() -> bool:
        inputs = {"email": ann.account.email, "unique_code": code, "password": OLD}
        return ann.app.post("reset_password", inputs).status_code == 200

    return opens


def known_client(ann: Colleague) -> Opens:
    """It opens nothing by itself, but strangers there would go ahead of others."""
    ann.app.post("login", {"username_email": "ann", "password": OLD}, address=STRANGER)

    def opens() -> bool:
        with ann.app.services.store.read() as txn:
            return len(list(KNOWN_CLIENTS.scan(txn, (ann.userid,)))) > 1

    return opens


MAKERS: dict[str, list[Callable[[Colleague], Opens]]] = {
    "tokens": [v2_login, web_session],
    "grants": [v1_access_token, v1_refresh_token],
    "api_keys": [key_at_v1, key_at_sqwish],
    "identities": [identity],
    "login_links": [login_link],
    "passkeys": [passkey],
    "codes": [mailed_code],
    "known_clients": [known_client],
}
"""Of every kind of credential, by the table it is kept in."""
KINDS = [make for makers in MAKERS.values() for make in makers]

OTHERS = {
    *(
        "holdings",
        "meta",
        "positions",
        "hosts",
        "accounts",
        "outbox",
        "mail_histories",
        "mail_traffic",
    ),
    *("plugin_events", "plugin_backlogs", "plugin_days", "plugin_rows", "plugin_uses"),
    *("grant_tokens", "teams", "members", "invitations", "campaigns", "team_trackers"),
    *("link_trackers", "domains", "links", "dead_links", "uploads", "files", "file_parts"),
    *("dead_files", "dead_blobs", "stored_bytes", "secrets", "counts", "day_stats", "visits"),
    *("visits_due", "strings", "string_uses"),
    *("sightings", "balances", "preferences", "former_links", "audit", "second_factors"),
    *("blocked_patterns", "reports", "report_mails"),
    *("boxes", "box_items", "bundles", "imported", "repeats", "repeat_bytes"),
}
"""Tables that open no account. `grant_tokens` mean nothing without their grant; a second factor
asks for more."""


def test_every_table_is_a_credentials_or_none() -> None:
    """Whoever adds a table says which: one that opens accounts has to end with them."""
    assert {table.name for table in TABLES} == OTHERS | set(MAKERS)
    assert {table.name for table in CREDENTIALS} == set(MAKERS)
    every = [value for value in vars(schema).values() if isinstance(value, Table)]
    assert {table.name for table in every} == {table.name for table in TABLES}


async def _forgotten(ann: Colleague) -> str:
    services = ann.app.services
    await services.accounts.mailboxes.mail_reset("ann", "192.0.2.9", ann.now)
    with services.store.read() as txn:
        mail = OUTBOX.get(txn, (ann.userid, MailPurpose.RESET))
        assert mail is not None and CODES.get(txn, (ann.userid, MailPurpose.RESET)) is not None
    return mail.code


def reset_by_call(ann: Colleague) -> None:
    code = ann.app.run(_forgotten(ann))
    ann.app.call("reset_password", email=ann.account.email, unique_code=code, password=NEW)


def reset_on_the_page(ann: Colleague) -> None:
    code = ann.app.run(_forgotten(ann))
    form = {"email": ann.account.email, "code": code, "password": "Other 12", "again": "Other 12"}
    answer = ann.app.request("POST", "/-/reset", content=urlencode(form))
    assert answer.status_code == 200 and "API keys" in answer.text


def reset_with_a_verified_address(ann: Colleague) -> None:
    administration = ann.app.services.upkeep.administration
    ann.do(administration.change(ann.userid, Changes(verified=True)))
    reset_by_call(ann)


def changed(ann: Colleague) -> None:
    answer = ann.call("change_password", password=OLD, password_new=NEW, end_keys=True)
    assert answer == {}


def changed_on_the_page(ann: Colleague) -> None:
    surfer = Surfer(ann.app, OWN)
    surfer.sign_in("ann")
    form = derived("password", PASSWORD) | derived("password_new", "Another 1")
    assert surfer.send("/-/account/password", {**form, "end_keys": "on"}).status_code == 303


def signed_out_everywhere(ann: Colleague) -> None:
    surfer = Surfer(ann.app, OWN)
    surfer.sign_in("ann")
    form = {"end_keys": "on"}
    assert surfer.send("/-/account/sessions/end-all", form).status_code == 303


def set_by_the_operator(ann: Colleague) -> None:
    administration = ann.app.services.upkeep.administration
    ann.do(administration.change(ann.userid, Changes(passwords=[NEW])))


WAYS = [
    reset_by_call,
    reset_on_the_page,
    reset_with_a_verified_address,
    changed,
    changed_on_the_page,
    signed_out_everywhere,
    set_by_the_operator,
]


def named(function: Callable[..., object]) -> str:
    return function.__name__


@pytest.mark.parametrize("take_back", WAYS, ids=named)
@pytest.mark.parametrize("make", KINDS, ids=named)
def test_it_ends(
    ann: Colleague, make: Callable[[Colleague], Opens], take_back: Callable[[Colleague], None]
) -> None:
    kept = make(ann)
    if make not in (mailed_code, v1_refresh_token):
        assert kept(), "it opens the account to begin with"
    opens = make(ann)
    take_back(ann)
    assert not opens()


@pytest.mark.parametrize("make", KINDS, ids=named)
def test_new_ones_work(ann: Colleague, make: Callable[[Colleague], Opens]) -> None:
    make(ann)
    changed(ann)
    ann.call("change_password", password=NEW, password_new=OLD)
    assert make(ann)()


def test_who_knew_the_old_password_may_keep_his_keys(ann: Colleague) -> None:
    key, pair = key_at_sqwish(ann), v1_access_token(ann)
    answer = ann.call("change_password", password=OLD, password_new=NEW)
    assert answer == {"api_keys": 2}
    assert key()
    assert not pair(), "what was opened with a key has ended all the same"
    assert ann.call("check_credentials"), "and so has no login of his own"


def test_nobody_elses_end(ann: Colleague, newcomer: Newcomer) -> None:
    ben = newcomer("ben")
    key = key_at_sqwish(ben)
    token = ben.app.call("login", username_email="ben", password=OLD)["token"]
    reset_by_call(ann)
    assert key()
    assert ben.post("check_credentials", token=token).status_code == 200


def test_where_somebody_logged_in_is_kept_for_the_latest_places(ann: Colleague) -> None:
    for number in range(30):
        ann.app.clock.advance(10)
        ann.app.post(
            "login", {"username_email": "ann", "password": OLD}, address=f"10.0.0.{number}"
        )
    with ann.app.services.store.read() as txn:
        assert len(list(KNOWN_CLIENTS.scan(txn, (ann.userid,)))) == 20
    ann.app.clock.advance(91 * 86_400)
    ann.app.sweep()
    with ann.app.services.store.read() as txn:
        assert list(KNOWN_CLIENTS.scan(txn)) == []
