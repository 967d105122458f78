"""API keys, and the v1 tokens that come of them: rotation, reuse, expiry, guessing."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shortd import errors
from shortd.accounts.access_tokens import AccessTokens, TokenPair
from shortd.accounts.api_keys import KEYS_PER_ACCOUNT, need_scope
from shortd.clock import DAY, SECOND
from shortd.models.accounts import Scope
from shortd.models.common import NEVER
from shortd.store.schema import API_KEYS, GRANT_TOKENS, GRANTS
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.api.v2.people import temporary
from tests.conftest import GENEROUS
from tests.teams.people import Colleague, Newcomer, refused, sound

ADDRESS = "192.0.2.7"


def key_of(somebody: Colleague, **inputs: object) -> str:
    return str(somebody.call("create_api_key", **{"name": "a script", **inputs})["api_key"])


@pytest.fixture
def tokens(app: RunningApp) -> AccessTokens:
    return app.services.accounts.access_tokens


def issue(somebody: Colleague, key: str, address: str = ADDRESS, name: str = "") -> TokenPair:
    tokens = somebody.app.services.accounts.access_tokens
    name = name or somebody.account.username
    return somebody.app.run(tokens.issue(name, key, address, somebody.now))


def refresh(app: RunningApp, pair: TokenPair) -> TokenPair:
    return app.run(app.services.accounts.access_tokens.refresh(pair.refresh_token, app.clock.now()))


def works(app: RunningApp, pair: TokenPair) -> bool:
    try:
        app.services.accounts.access_tokens.authenticate_bearer(pair.access_token, app.clock.now())
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.BAD_CREDENTIALS
        return False
    return True


# The calls


def test_a_key_is_shown_once(ann: Colleague) -> None:
    output = ann.call("create_api_key", name=" my script ")
    assert re.fullmatch(r"[a-z0-9]{32}", output["api_key"])
    [listed] = ann.call("list_api_keys")["keys"]
    assert listed == output["key"]
    assert listed == {
        "id": listed["id"],
        "name": "my script",
        "scopes": ["read", "write"],
        "create_utime": ann.now,
        "expiration_utime": NEVER,
    }
    assert re.fullmatch(r"[0-9a-f]{24}", listed["id"])
    stored = b"".join(file.read_bytes() for file in ann.app.services.store.directory.rglob("*.mdb"))
    assert listed["id"].encode() in stored
    assert output["api_key"].encode() not in stored


def test_keys_are_their_owners(ann: Colleague, ben: Colleague) -> None:
    key_of(ann)
    ann.app.clock.advance(1)
    key_of(ann, name="second", scopes=["read"], expiration_utime=ann.now + 5)
    second, first = ann.call("list_api_keys")["keys"]
    assert (first["name"], second["name"], second["scopes"]) == ("a script", "second", ["read"])
    assert ben.call("list_api_keys")["keys"] == []
    assert ben.refused("delete_api_key", id=first["id"])["code"] == "key_not_found"
    ann.call("delete_api_key", id=first["id"])
    assert ann.refused("delete_api_key", id=first["id"])["code"] == "key_not_found"
    assert [key["name"] for key in ann.call("list_api_keys")["keys"]] == ["second"]


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes[0]"),
        ({"scopes": "read"}, "scopes"),
        ({"expiration_utime": 5}, "expiration_utime"),
    ],
)
def test_bad_keys_are_refused(ann: Colleague, inputs: dict[str, object], field: str) -> None:
    answer = ann.refused("create_api_key", **{"name": "x", **inputs})
    assert (answer["code"], answer["field"]) == ("invalid_field", field)
    assert ann.call("list_api_keys")["keys"] == []


def test_temporary_accounts_have_none(app: RunningApp) -> None:
    assert temporary(app).refused("create_api_key", name="x")["code"] == "not_registered"


def test_an_account_has_so_many(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEYS_PER_ACCOUNT == 100
    monkeypatch.setattr("shortd.accounts.api_keys.KEYS_PER_ACCOUNT", 2)
    key_of(ann)
    key_of(ann)
    assert ann.refused("create_api_key", name="x")["code"] == "quota_exceeded"


def test_a_key_says_whose_it_is(ann: Colleague) -> None:
    keys = ann.app.services.accounts.api_keys
    key = key_of(ann, scopes=["read"], expiration_utime=ann.now + DAY)
    account, row = keys.find(key, ADDRESS, ann.now)
    assert (account.userid, row.scopes) == (ann.userid, (Scope.READ,))
    with refused(errors.BAD_CREDENTIALS):
        keys.find(key, ADDRESS, ann.now + DAY)
    for wrong in ("", key[:-1], key.upper(), "ä" * 32, "\0"):
        with refused(errors.BAD_CREDENTIALS):
            keys.find(wrong, ADDRESS, ann.now)


def test_scopes_are_needed() -> None:
    need_scope([Scope.READ, Scope.WRITE], Scope.WRITE)
    with refused(errors.SCOPE_REQUIRED):
        need_scope([Scope.READ], Scope.WRITE)


# Tokens


def test_a_key_gives_tokens(ann: Colleague, tokens: AccessTokens) -> None:
    pair = issue(ann, key_of(ann, scopes=["read"]))
    assert (pair.expires_in, pair.scopes) == (3600, (Scope.READ,))
    bearer = tokens.authenticate_bearer(pair.access_token, ann.now)
    assert (bearer.account.userid, bearer.scopes) == (ann.userid, (Scope.READ,))
    ann.app.clock.advance(3599.9)
    assert works(ann.app, pair)
    ann.app.clock.advance(0.1)
    assert not works(ann.app, pair)


@pytest.mark.parametrize("name", ["ann", " ANN ", "Ann@nowhere.example", "{userid}"])
def test_who_is_named_how(ann: Colleague, name: str) -> None:
    assert works(ann.app, issue(ann, key_of(ann), name=name.format(userid=ann.userid)))


def test_wrong_names_and_keys_are_refused(ann: Colleague, ben: Colleague) -> None:
    anns, bens = key_of(ann), key_of(ben)
    cases = [("ann", bens), ("ben", anns), ("nobody", anns), ("ann", ""), ("", anns)]
    cases += [("ann", "x" * 32), ("\0", anns), ("a" * 5000, anns), ("ann", "ä" * 5000)]
    for number, (name, key) in enumerate(cases):
        with refused(errors.BAD_CREDENTIALS):
            issue(ann, key, f"192.0.2.{number}", name or " ")
    with ann.app.services.store.read() as txn:
        assert GRANTS.count(txn) == 0


def test_a_refresh_ends_the_old_pair(ann: Colleague) -> None:
    first = issue(ann, key_of(ann))
    ann.app.clock.advance(1800)
    second = refresh(ann.app, first)
    assert second.expires_in == 3600
    drawn = [token for pair in (first, second) for token in (pair.access_token, pair.refresh_token)]
    assert len(set(drawn)) == 4
    assert (works(ann.app, first), works(ann.app, second)) == (False, True)


def test_an_old_refresh_token_ends_the_whole_family(ann: Colleague) -> None:
    key = key_of(ann)
    stolen, other = issue(ann, key), issue(ann, key)
    thief = refresh(ann.app, stolen)
    thief = refresh(ann.app, thief)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, stolen)
    assert not works(ann.app, thief)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, thief)
    assert works(ann.app, other), "another login is another family"


def test_an_access_token_refreshes_nothing(ann: Colleague) -> None:
    pair = issue(ann, key_of(ann))
    swapped = TokenPair(pair.refresh_token, pair.access_token, 0, pair.scopes)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, swapped)
    assert not works(ann.app, swapped)
    assert works(ann.app, pair), "and it ends nothing either"


def test_a_refresh_token_lives_for_a_week(ann: Colleague) -> None:
    pair = issue(ann, key_of(ann))
    ann.app.clock.advance(7 * 86_400 - 1)
    pair = refresh(ann.app, pair)
    ann.app.clock.advance(7 * 86_400)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, pair)


def test_revoking_ends_the_pair(ann: Colleague, tokens: AccessTokens) -> None:
    key = key_of(ann)
    pair, other = issue(ann, key), issue(ann, key)
    ann.do(tokens.revoke(pair.access_token, ann.now))
    assert (works(ann.app, pair), works(ann.app, other)) == (False, True)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, pair)
    for token in (pair.access_token, other.refresh_token, "nonsense"):
        with refused(errors.BAD_CREDENTIALS):
            ann.do(tokens.revoke(token, ann.now))
    assert works(ann.app, other)


def test_tokens_end_with_their_key(ann: Colleague) -> None:
    key, other = key_of(ann), key_of(ann, name="other")
    pair, kept = issue(ann, key), issue(ann, other)
    [ended] = [row["id"] for row in ann.call("list_api_keys")["keys"] if row["name"] == "a script"]
    ann.call("delete_api_key", id=ended)
    assert (works(ann.app, pair), works(ann.app, kept)) == (False, True)
    attempts: list[Callable[[], object]] = [lambda: refresh(ann.app, pair), lambda: issue(ann, key)]
    for attempt in attempts:
        with refused(errors.BAD_CREDENTIALS):
            attempt()


def test_tokens_live_no_longer_than_their_key(ann: Colleague) -> None:
    pair = issue(ann, key_of(ann, expiration_utime=ann.now + 60 * SECOND))
    assert pair.expires_in == 60
    ann.app.clock.advance(30)
    pair = refresh(ann.app, pair)
    assert pair.expires_in == 30
    ann.app.clock.advance(30)
    assert not works(ann.app, pair)
    with refused(errors.BAD_CREDENTIALS):
        refresh(ann.app, pair)


def test_a_locked_account_is_told_so(ann: Colleague, tokens: AccessTokens) -> None:
    key = key_of(ann)
    pair = issue(ann, key)
    custody = ann.app.services.upkeep.administration
    ann.do(custody.change(ann.userid, Changes(locked=True)))
    with refused(errors.ACCOUNT_LOCKED):
        tokens.authenticate_bearer(pair.access_token, ann.now)
    attempts: list[Callable[[], object]] = [lambda: refresh(ann.app, pair), lambda: issue(ann, key)]
    for attempt in attempts:
        with refused(errors.ACCOUNT_LOCKED):
            attempt()
    with refused(errors.ACCOUNT_LOCKED):
        ann.app.services.accounts.api_keys.find(key, ADDRESS, ann.now)
    with refused(errors.BAD_CREDENTIALS):
        issue(ann, "x" * 32)
    ann.do(custody.change(ann.userid, Changes(locked=False)))
    assert works(ann.app, refresh(ann.app, pair)), "the refused refresh did not use it up"


def test_guessing_ends_in_429(ann: Colleague, ben: Colleague) -> None:
    key = key_of(ann)
    issue(ann, key, "198.51.100.1")
    for _ in range(10):
        with refused(errors.BAD_CREDENTIALS):
            issue(ann, "x" * 32)
    for somebody, wait in ((ann, 10.0), (ben, 5.0)):
        with pytest.raises(errors.ShortdError) as caught:
            issue(somebody, key_of(somebody))
        assert (caught.value.kind, caught.value.retry_after) == (errors.LOGIN_LIMITED, wait)
    assert works(ann.app, issue(ann, key, "198.51.100.1")), "the owner is not locked out"
    assert works(ann.app, issue(ann, key, "198.51.100.2")), "nor anywhere else"
    ann.app.clock.advance(5)
    issue(ben, key_of(ben))


def test_logins_pile_up_only_so_far(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortd.accounts.access_tokens.GRANTS_PER_ACCOUNT", 3)
    key = key_of(ann)
    pairs = []
    for _ in range(5):
        ann.app.clock.advance(1)
        pairs.append(issue(ann, key))
    assert [works(ann.app, pair) for pair in pairs] == [False, False, True, True, True]


def test_what_has_ended_is_swept(ann: Colleague) -> None:
    pair = issue(ann, key_of(ann))
    ann.app.clock.advance(3600)
    ann.app.sweep()
    assert works(ann.app, refresh(ann.app, pair))
    ann.app.clock.advance(7 * 86_400)
    ann.app.sweep()
    with ann.app.services.store.read() as txn:
        assert (GRANTS.count(txn), GRANT_TOKENS.count(txn), API_KEYS.count(txn)) == (0, 0, 1)


def test_keys_and_tokens_go_with_their_account(ann: Colleague) -> None:
    pair = issue(ann, key_of(ann))
    app = ann.app
    app.run(app.services.upkeep.administration.end(ann.userid, app.clock.now()))
    assert not works(app, pair)
    with app.services.store.read() as txn:
        assert (GRANTS.count(txn), API_KEYS.count(txn)) == (0, 0)
    assert sound(app)


class Family(RuleBasedStateMachine):
    """However tokens are used, at most the newest pair of a login works, and after any reuse of a
    refresh token none does."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.context = open_app(Path(self.directory.name), environ=GENEROUS)
        self.app = self.context.__enter__()
        self.ann = Newcomer(self.app)("ann")
        self.key = key_of(self.ann)
        self.pairs: list[TokenPair] = [issue(self.ann, self.key)]
        self.alive = True

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        self.directory.cleanup()

    @rule()
    def refresh_newest(self) -> None:
        if self.alive:
            self.pairs.append(refresh(self.app, self.pairs[-1]))

    @rule()
    def reuse_oldest(self) -> None:
        if len(self.pairs) > 1:
            with refused(errors.BAD_CREDENTIALS):
                refresh(self.app, self.pairs[0])
            self.alive = False

    @rule()
    def sweep(self) -> None:
        self.app.sweep()

    @rule()
    def log_in_again(self) -> None:
        if not self.alive:
            self.pairs = [issue(self.ann, self.key)]
            self.alive = True

    @invariant()
    def only_the_newest_works(self) -> None:
        expected = [False] * (len(self.pairs) - 1) + [self.alive]
        assert [works(self.app, pair) for pair in self.pairs] == expected


def test_no_use_of_tokens_leaves_two_pairs() -> None:
    run_state_machine_as_test(
        Family, settings=settings(max_examples=10, stateful_step_count=20, deadline=None)
    )
