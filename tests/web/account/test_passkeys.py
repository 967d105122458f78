"""Passkeys over HTTP: made, named, removed, and what does not open an account."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from shortd.clock import MINUTE, SECOND
from shortd.store.schema import ACCOUNTS, PASSKEYS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from tests.api.v2.people import PASSWORD
from tests.authenticator import Authenticator
from tests.conftest import GENEROUS
from tests.web.account.test_signing_in import wrong
from tests.web.surfer import Surfer, derived

OWN = "https://s.example.org"
PAGE = "/-/account/second-factor"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": OWN}
    with open_app(tmp_path / "data", environ=environ) as running:
        yield running


@pytest.fixture
def surfer(app: RunningApp) -> Surfer:
    return Surfer(app, OWN)


@pytest.fixture
def key() -> Authenticator:
    return Authenticator(OWN)


def options(page: str) -> dict[str, Any]:
    """What a page asks the browser for."""
    [found] = re.findall(r'data-options="(.*?)"', page)
    given: dict[str, Any] = json.loads(html.unescape(found))
    return given


def add(surfer: Surfer, key: Authenticator, name: str = "Phone", **lies: Any) -> Any:
    asked = options(surfer.get(PAGE).text)
    form = {"name": name, "credential": key.make(asked, **lies)}
    return surfer.send(f"{PAGE}/passkeys", form)


def sign_in(surfer: Surfer, authenticator: Authenticator, **lies: Any) -> Any:
    asked = options(surfer.get("/-/login").text)
    more = {name: lies.pop(name) for name in ("next",) if name in lies}
    return surfer.send(
        "/-/login/passkey", {"credential": authenticator.sign(asked, **lies), **more}
    )


def names(surfer: Surfer) -> list[str]:
    return re.findall(r'aria-label="Remove the passkey (.*?)"', surfer.get(PAGE).text)


def test_it_signs_in_by_itself(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    assert 'data-passkey="get"' not in Surfer(app, OWN).get("/-/login").text, "nobody has one yet"
    assert "added" in ann.follow(add(ann, key)).text
    assert names(ann) == ["Phone"]
    again = Surfer(app, OWN)
    page = again.get("/-/login").text
    assert 'autocomplete="username webauthn"' in page
    assert page.index("Sign in with a passkey") < page.index('type="password"')
    answer = sign_in(again, key, next="/-/account")
    assert answer.headers["location"] == "/-/account"
    assert again.is_in()
    assert again.credentials["userid"] == ann.credentials["userid"]
    assert again.credentials["token"] != ann.credentials["token"]
    assert "last used" in again.get(PAGE).text


def test_what_was_made_here_comes_along(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    add(ann, key)
    surfer = Surfer(app, OWN)
    surfer.send("/-/new", {"url": "https://example.com/kept"})
    assert "came along" in surfer.follow(sign_in(surfer, key)).text
    assert surfer.call("get_entries", count=10)["entries"][0]["url"] == "https://example.com/kept"


def test_nobody_learns_the_userid(ann: Surfer, key: Authenticator) -> None:
    asked = options(ann.get(PAGE).text)
    assert ann.credentials["userid"] not in json.dumps(asked)
    add(ann, key)
    [made] = key.credentials
    assert len(made.handle) == 32 and ann.credentials["userid"].encode() != made.handle
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["attestation"] == "none"
    assert asked["rp"]["id"] == "s.example.org"


def test_several_have_names_and_go_one_by_one(ann: Surfer, key: Authenticator) -> None:
    for name in ("Phone", "Laptop"):
        ann.app.clock.advance(1)
        add(ann, key, name)
    assert names(ann) == ["Laptop", "Phone"]
    asked = options(ann.get(PAGE).text)
    assert len(asked["excludeCredentials"]) == 2, "no authenticator makes a second one"
    [laptop, phone] = re.findall(r'name="id" value="(\w+)"', ann.get(PAGE).text)[::2]
    ann.send(f"{PAGE}/passkeys/name", {"id": laptop, "name": "Work <laptop>"})
    assert names(ann) == ["Work &lt;laptop&gt;", "Phone"]
    assert "1 to 64" in ann.send(f"{PAGE}/passkeys/name", {"id": laptop, "name": "\u202e"}).text
    assert ann.send(f"{PAGE}/passkeys/end", {"id": phone}).status_code == 303
    assert names(ann) == ["Work &lt;laptop&gt;"]
    assert ann.send(f"{PAGE}/passkeys/end", {"id": phone}).status_code == 303, "twice is no mistake"
    surfer, [old, new] = Surfer(ann.app, OWN), key.credentials
    assert sign_in(surfer, key, credential=old).status_code == 422
    assert sign_in(surfer, key, credential=new).status_code == 303


def test_the_last_way_in_stays(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    for name in ("Phone", "Laptop"):
        add(ann, key, name)

    def take_password(txn: WriteTxn) -> None:
        account = ACCOUNTS.get(txn, (ann.credentials["userid"],))
        assert account is not None
        ACCOUNTS.put(txn, (account.userid,), replace(account, password=None))

    app.run(app.services.store.write(take_password))
    [first, second] = re.findall(r'name="id" value="(\w+)"', ann.get(PAGE).text)[::2]
    assert "removed" in ann.follow(ann.send(f"{PAGE}/passkeys/end", {"id": first})).text
    kept = ann.follow(ann.send(f"{PAGE}/passkeys/end", {"id": second})).text
    assert "Nothing else opens this account" in kept
    assert len(names(ann)) == 1


def test_there_are_twenty_at_most(ann: Surfer, key: Authenticator) -> None:
    asked = options(ann.get(PAGE).text)
    for number in range(20):
        assert add(ann, key, f"Number {number}").status_code == 303
    assert "data-options" not in ann.get(PAGE).text
    form = {"name": "One more", "credential": key.make(asked)}
    assert "at most 20 passkeys" in ann.send(f"{PAGE}/passkeys", form).text
    assert len(names(ann)) == 20


LIES_OF_A_SIGNATURE = [
    {"origin": "https://s.example.org.evil.example"},
    {"origin": "https://sub.s.example.org"},
    {"origin": "http://s.example.org"},
    {"origin": "https://s.example.org:8443"},
    {"rp_id": "example.org"},
    {"flags": 0},
    {"type": "webauthn.create"},
    {"challenge": "A" * 54},
    {"challenge": ""},
    {"cross_origin": True},
    {"handle": b""},
    {"handle": b"x" * 32},
    {"key": ec.generate_private_key(ec.SECP256R1())},
]


def named(lies: dict[str, Any]) -> str:
    return "-".join(f"{name}-{value}"[:40] for name, value in lies.items())


@pytest.mark.parametrize("lies", LIES_OF_A_SIGNATURE, ids=named)
def test_a_signature_that_is_not_quite_right(
    app: RunningApp, ann: Surfer, key: Authenticator, lies: dict[str, Any]
) -> None:
    add(ann, key)
    surfer = Surfer(app, OWN)
    answer = sign_in(surfer, key, **lies)
    assert answer.status_code == 422
    assert wrong(answer.text) == ["This passkey was not accepted, or it took too long. Try again."]
    assert not surfer.cookies
    assert sign_in(surfer, key).status_code == 303, "the right one still does"


LIES_OF_A_CREATION = [
    {"origin": "https://sub.s.example.org"},
    {"rp_id": "example.org"},
    {"flags": 0},
    {"type": "webauthn.get"},
    {"challenge": "A" * 54},
    {"cross_origin": True},
    {"algorithm": -65535},
]


@pytest.mark.parametrize("lies", LIES_OF_A_CREATION, ids=named)
def test_a_creation_that_is_not_quite_right(
    ann: Surfer, key: Authenticator, lies: dict[str, Any]
) -> None:
    answer = add(ann, key, **lies)
    assert answer.status_code == 422
    assert "was not accepted" in answer.text
    assert names(ann) == []


@pytest.mark.parametrize(
    "credential",
    [
        *("", "{}", "[]", "null", '{"id":1}', "\u202e" * 50),
        '{"id":"AA","rawId":"AA","response":{}}',
        '{"id":"AA","rawId":"AA","response":{"clientDataJSON":"AA","signature":"AA"}}',
    ],
)
def test_anything_may_come(ann: Surfer, key: Authenticator, credential: str) -> None:
    add(ann, key)
    for path in ("/-/login/passkey", f"{PAGE}/passkeys", "/-/account/confirm/passkey"):
        answer = ann.send(path, {"credential": credential, "name": "x"})
        assert answer.status_code == 422, path


def test_an_answer_is_good_once(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    key.counts = False
    add(ann, key)
    surfer = Surfer(app, OWN)
    answer = key.sign(options(surfer.get("/-/login").text))
    assert surfer.send("/-/login/passkey", {"credential": answer}).status_code == 303
    stranger = Surfer(app, OWN, "203.0.113.7")
    assert stranger.send("/-/login/passkey", {"credential": answer}).status_code == 422
    asked = options(ann.get(PAGE).text)
    made = key.make(asked)
    assert ann.send(f"{PAGE}/passkeys", {"name": "a", "credential": made}).status_code == 303
    assert ann.send(f"{PAGE}/passkeys", {"name": "b", "credential": made}).status_code == 422


def test_a_challenge_lives_ten_minutes(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    add(ann, key)
    surfer = Surfer(app, OWN)
    for wait, status in ((10 * MINUTE // SECOND, 422), (599, 303)):
        asked = options(surfer.get("/-/login").text)
        app.clock.advance(wait)
        form = {"credential": key.sign(asked)}
        assert surfer.send("/-/login/passkey", form).status_code == status


def test_a_page_that_is_open_for_long_asks_for_a_fresh_one(
    app: RunningApp, ann: Surfer, key: Authenticator
) -> None:
    add(ann, key)
    app.clock.advance(500)
    answer = ann.get(f"{PAGE}/passkeys/options")
    assert answer.headers["cache-control"] == "no-store"
    form = {"name": "Late", "credential": key.make(answer.json())}
    app.clock.advance(99)
    assert ann.send(f"{PAGE}/passkeys", form).status_code == 303
    app.clock.advance(3600)
    fresh = ann.get("/-/account/confirm/passkey/options").json()
    answer = ann.send("/-/account/confirm/passkey", {"credential": key.sign(fresh), "next": PAGE})
    assert answer.headers["location"] == PAGE
    stranger = Surfer(app, OWN)
    fresh = stranger.get("/-/login/passkey/options").json()
    form = {"credential": key.sign(fresh)}
    assert stranger.send("/-/login/passkey", form).status_code == 303
    for path in ("/-/account/confirm/passkey/options", f"{PAGE}/passkeys/options"):
        assert Surfer(app, OWN).get(path).headers["location"].startswith("/-/login"), path


def test_a_form_that_waits_is_sent_after_it(
    app: RunningApp, ann: Surfer, key: Authenticator
) -> None:
    add(ann, key)
    app.clock.advance(31 * 86_400)
    asked = ann.send("/-/account/name", {"username": "Änne"})
    assert asked.status_code == 403
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', asked.text))
    slip = ann.send("/-/login/passkey", {**fields, "credential": "{}"})
    assert slip.status_code == 422 and fields["kept"] in slip.text
    form = {**fields, "credential": key.sign(options(slip.text))}
    answer = ann.send("/-/login/passkey", form)
    assert answer.status_code == 200
    assert 'action="/-/account/name"' in answer.text and 'value="Änne"' in answer.text


def test_a_challenge_is_for_what_it_was_made(
    app: RunningApp, ann: Surfer, key: Authenticator
) -> None:
    """Neither for another's account, nor for the other of both ways."""
    ben = Surfer(app, OWN)
    ben.sign_up("ben")
    of_ben = options(ben.get(PAGE).text)
    form = {"name": "x", "credential": key.make(of_ben)}
    assert ann.send(f"{PAGE}/passkeys", form).status_code == 422
    add(ann, key)
    asked = options(Surfer(app, OWN).get("/-/login").text)
    challenge = options(ann.get(PAGE).text)["challenge"]
    form = {"credential": key.sign(asked, challenge=challenge)}
    assert Surfer(app, OWN).send("/-/login/passkey", form).status_code == 422


def test_a_credential_is_one_accounts(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    """Whoever could have another's put under his own account would be signed in as that one."""
    add(ann, key)
    [of_ann] = key.credentials
    ben, other = Surfer(app, OWN), Authenticator(OWN)
    ben.sign_up("ben")
    add(ben, other)
    [of_ben] = other.credentials
    assert sign_in(Surfer(app, OWN), key, handle=of_ben.handle).status_code == 422
    assert sign_in(Surfer(app, OWN), key, key=of_ben.key).status_code == 422
    proof = key.sign(options(Surfer(app, OWN).get("/-/login").text))
    app.clock.advance(3600)
    assert ben.send("/-/account/confirm/passkey", {"credential": proof}).status_code == 422
    assert "First, that it is you" in ben.get(PAGE).text
    with app.services.store.read() as txn:
        ids = [row.id for _, row in PASSKEYS.scan(txn, (ann.credentials["userid"],))]
    ben.sign_in("ben")
    assert ben.send(f"{PAGE}/passkeys/end", {"id": ids[0]}).status_code == 303
    assert ben.send(f"{PAGE}/passkeys/name", {"id": ids[0], "name": "x"}).status_code == 422
    ann.sign_in("ann")
    assert names(ann) == ["Phone"]
    assert of_ann.id


def test_a_copy_is_found_by_its_counter(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    add(ann, key)
    surfer = Surfer(app, OWN)
    assert sign_in(surfer, key, counter=5).status_code == 303
    copy = Surfer(app, OWN)
    assert sign_in(copy, key, counter=5).status_code == 422
    assert not copy.cookies
    assert sign_in(copy, key, counter=6).status_code == 422, "whose is the copy, nobody knows"
    page = surfer.get(PAGE).text
    assert "counted backwards" in page


def test_who_counts_nothing_is_no_copy(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    key.counts = False
    add(ann, key)
    for _ in range(3):
        assert sign_in(Surfer(app, OWN), key).status_code == 303


def test_nothing_changes_without_a_fresh_proof(
    app: RunningApp, ann: Surfer, key: Authenticator
) -> None:
    add(ann, key)
    app.clock.advance(599)
    page = ann.get(PAGE).text
    assert "First, that it is you" not in page
    made = {"name": "x", "credential": key.make(options(page))}
    app.clock.advance(1)
    page = ann.get(PAGE).text
    assert "First, that it is you" in page
    [passkey] = set(re.findall(r'name="id" value="(\w+)"', page))
    for path, form in (
        ("passkeys/end", {"id": passkey}),
        ("passkeys", made),
        ("app", {}),
        ("app/end", {}),
        ("recovery-codes", {}),
    ):
        answer = ann.send(f"{PAGE}/{path}", form)
        assert answer.headers["location"] == f"/-/account/confirm?next={quote(PAGE, safe='')}", path
    with app.services.store.read() as txn:
        assert len(list(PASSKEYS.scan(txn))) == 1
    wrong_password = ann.send("/-/account/confirm", derived("password", "wrong"))
    assert "This is not your password." in wrong_password.text
    assert ann.send("/-/account/confirm", derived("password", PASSWORD)).status_code == 303
    assert ann.send(f"{PAGE}/passkeys/end", {"id": passkey}).status_code == 303
    assert names(ann) == []


def test_a_passkey_is_a_proof(app: RunningApp, ann: Surfer, key: Authenticator) -> None:
    add(ann, key)
    app.clock.advance(601)
    proof = key.sign(options(ann.get("/-/account/confirm").text))
    assert ann.send("/-/account/confirm/passkey", {"credential": proof}).status_code == 303
    assert add(ann, key, "Another").status_code == 303
    assert names(ann) == ["Another", "Phone"]


@pytest.mark.parametrize(
    ("url", "are_there"),
    [
        ("http://127.0.0.1:8080", False),
        ("https://192.0.2.7", False),
        ("http://s.example.org", False),
        ("http://localhost:8080", True),
        ("https://s.example.org:8443", True),
    ],
)
def test_where_browsers_have_them(tmp_path: Path, url: str, are_there: bool) -> None:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": url}
    with open_app(tmp_path / "data", environ=environ) as app:
        surfer = Surfer(app, url)
        surfer.sign_up()
        page = surfer.get(PAGE).text
        assert ("data-passkey" in page) is are_there
        assert ("on https alone" in page) is not are_there
        if are_there:
            assert add(surfer, Authenticator(url)).status_code == 303


def test_the_library_waits_for_the_first_one(tmp_path: Path) -> None:
    """A server that nobody has a passkey on holds neither library in memory."""
    program = (
        "import sys; from shortd.testing import open_app\n"
        f"environ = {{'SHORTD_PUBLIC_URL': {OWN!r}}}\n"
        f"with open_app({str(tmp_path / 'data')!r}, environ=environ) as a:\n"
        "    assert a.get('/-/login', headers={'accept': 'text/html'}).status_code == 200\n"
        "assert not {'fido2', 'pyotp'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
