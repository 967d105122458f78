"""Signing in by an issuer: whose account somebody gets, and what is left behind."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from shortd.clock import MINUTE, SECOND
from shortd.testing import RunningApp
from tests.issuers.conftest import BEGIN, Issuer, Start, sign_in
from tests.web.surfer import Surfer


def email_of(surfer: Surfer) -> str:
    return str(surfer.call("check_credentials")["email"])


def cell(app: RunningApp, email: str) -> str:
    account = app.services.accounts.accounts.named(email)
    assert account is not None
    return account.userid


def test_somebody_without_an_account_gets_one(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    surfer = Surfer(app)
    assert f'href="{BEGIN}"' in surfer.get("/-/login").text
    answer = sign_in(surfer, issuer)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/-/dashboard"
    assert surfer.is_in()
    account = app.services.accounts.accounts.named("ann@example.org")
    assert account is not None
    assert (account.username, account.email_verified, account.type) == ("ann", True, "verified")
    assert account.password is None


def test_what_is_asked_for_proves_itself(start: Start, issuer: Issuer) -> None:
    app = start('allow = ["group:links", "email:ann@example.org"]')
    query = parse_qs(urlsplit(Surfer(app).get(BEGIN).headers["location"]).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["openid profile email groups"]
    assert query["redirect_uri"] == ["http://127.0.0.1:8080/-/login/oidc/home/callback"]
    assert len(query["state"][0]) == 32
    assert len(query["nonce"][0]) == len(query["code_challenge"][0]) == 43
    assert "prompt" not in query


def test_the_cookie_of_a_sign_in_is_for_ten_minutes(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start())
    surfer.get(BEGIN)
    flags = surfer.set["shortd-flows"]
    assert flags["max-age"] == "600"
    assert flags["httponly"] == "True"
    assert flags["samesite"] == "lax"


def test_over_https_it_is_this_hosts_alone(start: Start, issuer: Issuer) -> None:
    app = start(top="public_url = 'https://s.example'")
    surfer = Surfer(app, own="https://s.example")
    surfer.get(BEGIN)
    assert surfer.set["__Host-shortd-flows"]["secure"] == "True"


def test_the_second_sign_in_finds_the_same_account(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    first, second = Surfer(app), Surfer(app)
    sign_in(first, issuer)
    issuer.tell(claims={"email": "other@example.org", "preferred_username": "other"})
    sign_in(second, issuer)
    assert first.credentials["userid"] == second.credentials["userid"]
    assert first.credentials["token"] != second.credentials["token"]
    assert email_of(second) == "ann@example.org"


def test_the_same_subject_of_another_is_somebody_else(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    first, second = Surfer(app), Surfer(app)
    sign_in(first, issuer)
    issuer.tell(claims={"sub": "bob-2", "email": "bob@example.org", "preferred_username": "ann"})
    sign_in(second, issuer)
    assert email_of(second) == "bob@example.org"
    account = app.services.accounts.accounts.named("bob@example.org")
    assert account is not None and account.username == "", "the name is taken"


def test_links_that_were_made_here_come_along(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    surfer.send("/-/new", {"url": "https://example.com/"})
    sign_in(surfer, issuer)
    assert len(surfer.call("get_entries")["entries"]) == 1


def test_it_leads_on_to_what_was_asked_for(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    asked = surfer.get("/-/account")
    assert asked.headers["location"] == "/-/login?next=%2F-%2Faccount"
    assert 'href="/-/login/oidc/home?next=/-/account"' in surfer.follow(asked).text
    answer = sign_in(surfer, issuer, f"{BEGIN}?next=/-/account")
    assert answer.headers["location"] == "/-/account"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/abc", "/-/logout"])
def test_it_leads_to_no_strangers(start: Start, issuer: Issuer, wanted: str) -> None:
    surfer = Surfer(start("create = true"))
    assert sign_in(surfer, issuer, f"{BEGIN}?next={wanted}").headers["location"] == "/-/dashboard"


def test_who_is_signed_in_is_not_sent_away(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    sign_in(surfer, issuer)
    assert surfer.get(BEGIN).headers["location"] == "/-/dashboard"


def test_an_issuer_that_nobody_configured_is_none(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start())
    assert surfer.get("/-/login/oidc/other").status_code == 404
    assert surfer.get("/-/login/oidc/other/callback?code=1&state=2").status_code == 404


def test_what_it_publishes_is_asked_for_once(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    issuer.asked()
    for _ in range(3):
        sign_in(Surfer(app), issuer)
    asked = issuer.asked()
    assert asked.count("GET /.well-known/openid-configuration") == 1
    assert asked.count("GET /keys") == 1
    assert asked.count("POST /token") == 3


# Whose account it is


def test_nobody_without_an_account_gets_in(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start())
    answer = sign_in(surfer, issuer)
    assert answer.status_code == 403
    assert "You have no account here" in answer.text
    assert not surfer.is_in()


def sign_up(app: RunningApp, name: str = "ann") -> Surfer:
    surfer = Surfer(app)
    surfer.send(
        "/-/signup",
        {
            "email": f"{name}@example.org",
            "username": f"{name}-here",
            "password_new": "Password 1",
            "password_again": "Password 1",
        },
    )
    assert surfer.is_in()
    return surfer


def verify(app: RunningApp, email: str) -> None:
    from shortd.upkeep.administration import Changes

    administration = app.services.upkeep.administration
    app.run(administration.change(cell(app, email), Changes(verified=True)))


def test_a_taken_address_makes_no_second_account(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    sign_up(app)
    surfer = Surfer(app)
    answer = sign_in(surfer, issuer)
    assert answer.status_code == 403
    assert "There is an account with your e-mail address" in answer.text
    assert not surfer.is_in()


def test_a_taken_address_that_is_not_verified_there_neither(start: Start, issuer: Issuer) -> None:
    app = start("create = true\nlink_by_email = true")
    sign_up(app)
    for value in (False, None, "false", 1):
        issuer.tell(claims={"email_verified": value})
        surfer = Surfer(app)
        answer = sign_in(surfer, issuer)
        assert answer.status_code == 403
        assert "does not say that the address is verified" in answer.text
        assert not surfer.is_in()


def test_a_verified_address_opens_its_account_where_that_is_wanted(
    start: Start, issuer: Issuer
) -> None:
    app = start("link_by_email = true")
    owner = sign_up(app)
    verify(app, "ann@example.org")
    surfer = Surfer(app)
    issuer.tell(claims={"email": "ANN@example.org"})
    assert sign_in(surfer, issuer).status_code == 303
    assert surfer.credentials["userid"] == owner.credentials["userid"]
    assert owner.is_in(), "nothing of it ends"
    assert Surfer(app).sign_in("ann-here", "Password 1").status_code == 303


def test_who_signed_up_before_with_an_address_not_his_is_out(start: Start, issuer: Issuer) -> None:
    app = start("link_by_email = true")
    stranger = sign_up(app)
    owner = Surfer(app)
    assert sign_in(owner, issuer).status_code == 303
    assert owner.is_in()
    assert not stranger.is_in()
    assert stranger.sign_in("ann-here", "Password 1").status_code == 422


def test_an_unverified_address_makes_an_unverified_account(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    issuer.tell(claims={"email_verified": False})
    surfer = Surfer(app)
    sign_in(surfer, issuer)
    account = app.services.accounts.accounts.named("ann@example.org")
    assert account is not None and not account.email_verified and account.type == "registered"


def test_a_locked_account_stays_shut(start: Start, issuer: Issuer) -> None:
    from shortd.upkeep.administration import Changes

    app = start("create = true")
    surfer = Surfer(app)
    sign_in(surfer, issuer)
    change = app.services.upkeep.administration.change
    app.run(change(cell(app, "ann@example.org"), Changes(locked=True)))
    answer = sign_in(Surfer(app), issuer)
    assert answer.status_code == 403 and "This account is locked." in answer.text
    assert not surfer.is_in()


# Who may come


@pytest.mark.parametrize(
    ("allow", "claims", "is_allowed"),
    [
        ("group:links", {"groups": ["users", "links"]}, True),
        ("group:links", {"groups": "links"}, True),
        ("group:links", {"groups": ["link", "LINKS"]}, False),
        ("group:links", {"groups": {"links": True}}, False),
        ("group:links", {}, False),
        ("domain:example.org", {}, True),
        ("domain:EXAMPLE.org", {}, True),
        ("domain:example.org", {"email_verified": False}, False),
        ("domain:example.org", {"email": "ann@evil-example.org"}, False),
        ("domain:example.org", {"email": "ann@example.org.evil"}, False),
        ("email:Ann@example.org", {}, True),
        ("email:bob@example.org", {}, False),
        ("email:ann@example.org", {"email_verified": False}, False),
    ],
)
def test_only_those_on_the_list_come_in(
    start: Start, issuer: Issuer, allow: str, claims: dict[str, object], is_allowed: bool
) -> None:
    app = start(f'create = true\nallow = ["email:nobody@nowhere.example", "{allow}"]')
    issuer.tell(claims=claims)
    surfer = Surfer(app)
    answer = sign_in(surfer, issuer)
    assert answer.status_code == (303 if is_allowed else 403)
    assert ("You are not among those" in answer.text) is not is_allowed
    assert surfer.is_in() is is_allowed


def test_who_leaves_the_list_is_out_at_the_next_sign_in(start: Start, issuer: Issuer) -> None:
    app = start('create = true\nallow = ["group:links"]')
    issuer.tell(claims={"groups": ["links"]})
    assert sign_in(Surfer(app), issuer).status_code == 303
    issuer.tell(claims={"groups": []})
    assert sign_in(Surfer(app), issuer).status_code == 403


def test_groups_may_have_another_name(start: Start, issuer: Issuer) -> None:
    app = start('create = true\nallow = ["group:links"]\ngroups_claim = "roles"')
    issuer.tell(claims={"roles": ["links"]})
    assert sign_in(Surfer(app), issuer).status_code == 303


def test_what_the_token_lacks_userinfo_may_know(start: Start, issuer: Issuer) -> None:
    app = start('create = true\nallow = ["group:links"]')
    issuer.tell(
        claims={"email": None, "email_verified": None, "preferred_username": None},
        userinfo={
            "email": "ann@example.org",
            "email_verified": True,
            "groups": ["links"],
            "sub": "ann-1",
        },
    )
    surfer = Surfer(app)
    assert sign_in(surfer, issuer).status_code == 303
    assert email_of(surfer) == "ann@example.org"


# Out again


def test_the_way_out_leads_on_to_the_issuers(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    sign_in(surfer, issuer)
    answer = surfer.send("/-/logout")
    assert answer.headers["location"] == "/-/logout/done?issuer=home"
    done = surfer.follow(answer)
    assert 'href="/-/login/oidc/home/logout"' in done.text
    assert not surfer.is_in()
    there = surfer.get("/-/login/oidc/home/logout").headers["location"]
    query = parse_qs(urlsplit(there).query)
    assert there.startswith(f"{issuer.url}/logout?")
    assert query["client_id"] == ["shortd"]
    assert query["post_logout_redirect_uri"] == ["http://127.0.0.1:8080/-/logout/done"]


def test_an_issuer_without_a_way_out_has_none(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start())
    issuer.tell(description={"end_session_endpoint": None})
    answer = surfer.get("/-/login/oidc/home/logout")
    assert answer.headers["location"] == "/-/logout/done"


def test_auto_goes_there_at_once_but_not_after_the_way_out(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true", 'auto = "home"'))
    asked = surfer.get("/-/account")
    first = surfer.follow(asked)
    assert first.headers["location"] == "/-/login/oidc/home?next=%2F-%2Faccount"
    answer = sign_in(surfer, issuer, first.headers["location"])
    assert answer.headers["location"] == "/-/account"
    out = surfer.send("/-/logout")
    done = surfer.follow(out)
    assert done.status_code == 200 and "You are signed out" in done.text


def test_auto_does_not_go_round_in_circles(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("", 'auto = "home"'))
    answer = sign_in(surfer, issuer, surfer.get("/-/login").headers["location"])
    assert answer.status_code == 403
    assert 'href="/-/login?ways=all"' in answer.text
    assert surfer.get("/-/login?ways=all").status_code == 200


def test_a_new_sign_in_ends_the_login_before_it(start: Start, issuer: Issuer) -> None:
    """A cookie that was there before opens nothing afterwards."""
    app = start("create = true")
    surfer = sign_up(app, "bob")
    before = dict(surfer.cookies)
    answer = surfer.get(BEGIN)
    assert answer.headers["location"] == "/-/dashboard"
    again = Surfer(app)
    path = issuer.visit(again.get(BEGIN))
    again.cookies |= before
    assert again.get(path).status_code == 303
    again.cookies.clear()
    again.cookies |= before
    assert not again.is_in()


def test_keys_that_are_new_are_asked_for_but_not_at_every_token(
    start: Start, issuer: Issuer
) -> None:
    app = start("create = true")
    assert sign_in(Surfer(app), issuer).status_code == 303
    issuer.tell(key="unknown")
    issuer.asked()
    for _ in range(3):
        assert sign_in(Surfer(app), issuer).status_code == 403
    assert issuer.asked().count("GET /keys") == 0, "within a minute of the last time"
    app.clock.advance(2 * MINUTE // SECOND)
    issuer.tell(now=app.clock.now() // SECOND)
    for _ in range(3):
        assert sign_in(Surfer(app), issuer).status_code == 403
    assert issuer.asked().count("GET /keys") == 1


def test_who_is_vouched_for_needs_no_second_factor_of_ours(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true", 'second_factor = "all"'))
    assert sign_in(surfer, issuer).status_code == 303
    assert surfer.get("/-/account").status_code == 200
    assert surfer.send("/-/account/name", {"username": "other"}).status_code == 303
