"""Where forms may come from: pages of our own, over https, on this machine, and over plain http on
a name, where browsers say least."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from shortd.app import App
from shortd.testing import RunningApp, open_app
from shortd.web.guard import check
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer, session_cookie

ORIGINS = ("https://s.example", "http://127.0.0.1:8080", "http://nas.lan:8080")
OTHER = "https://other.example"
SECRETS = (
    *("/-/open", "/-/verify", "/-/reset", "/-/box/{code:str}"),
    *(f"/-/box/{{code:str}}/{act}" for act in ("begin", "part", "finish", "cancel")),
)
"""These carry a secret of their own, be it the code of a box."""


@pytest.fixture(params=ORIGINS, scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Surfer]:
    """A server at each origin, and who has signed up there."""
    own = str(request.param)
    environ = {
        **GENEROUS,
        "SHORTD_PUBLIC_URL": own,
        "SHORTD_HOSTS": OTHER,
        "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "1000000000",
    }
    with open_app(tmp_path_factory.mktemp("guard") / "data", environ=environ) as app:
        surfer = Surfer(app, own)
        surfer.sign_up("ann")
        yield surfer


@pytest.fixture
def home(site: Surfer) -> Surfer:
    """The same, at the pages."""
    surfer = Surfer(site.app, site.own)
    surfer.cookies.update(site.cookies)
    return surfer


def actions(app: RunningApp) -> list[str]:
    """Addresses of all pages that take forms."""
    routes: Any = App(app.services)._litestar.routes
    return sorted(
        route.path for route in routes if route.path.startswith("/-/") and "POST" in route.methods
    )


def send(
    surfer: Surfer,
    path: str,
    form: Mapping[str, str],
    *,
    origin: str | None = "",
    **headers: str | None,
) -> httpx.Response:
    sent = {name: value for name, value in headers.items() if value is not None}
    return surfer.send(path, form, origin=origin, headers=sent)


FOREIGN: dict[str, dict[str, str | None]] = {
    "foreign form": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    "form of a sibling": {"origin": "https://x.s.example", "sec-fetch-site": "same-site"},
    "foreign form over plain http": {"origin": "http://evil.example"},
    "form without an origin": {"origin": "null", "sec-fetch-site": "cross-site"},
    "form of ours without an origin": {"origin": "null", "sec-fetch-site": "same-origin"},
    "nobody knows": {"origin": "null"},
    "typed": {"origin": None, "sec-fetch-site": "none"},
    "no header": {"origin": None},
    "empty": {"origin": " "},
    "another port": {"origin": "http://127.0.0.1:9"},
    "the same name over the other scheme": {"origin": "swapped"},
    "a name that begins like ours": {"origin": "longer"},
    "two at once": {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    "not an origin": {"origin": "http://["},
    "foreign referrer": {"origin": None, "referer": "https://evil.example/-/account"},
    "own referrer alone": {"origin": None, "referer": "own"},
}


def headers_of(case: dict[str, str | None], own: str) -> dict[str, Any]:
    made = dict(case)
    if made.get("origin") == "swapped":
        scheme, _, name = own.partition("://")
        made["origin"] = f"{'http' if scheme == 'https' else 'https'}://{name}"
    if made.get("origin") == "longer":
        made["origin"] = f"{own}.evil.example"
    if made.get("referer") == "own":
        made["referer"] = f"{own}/-/account"
    return made


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_forms_do_nothing(home: Surfer, case: str) -> None:
    before = everything(home.app)
    for path in ("/-/account/sessions/end-all", "/-/account/name", "/-/logout", "/-/login"):
        answer = send(home, path, {"username": "eve"}, **headers_of(FOREIGN[case], home.own))
        assert answer.status_code == 403, path
        assert home.own in answer.text, "it says where to go"
        assert "set-cookie" not in answer.headers
    assert everything(home.app) == before
    assert home.is_in()


def test_no_page_takes_them(home: Surfer) -> None:
    paths = actions(home.app)
    assert {*SECRETS, "/-/login", "/-/account/delete"} <= set(paths)
    for path in paths:
        written = re.sub(r"\{[^}]*\}", "17", path)
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert send(home, written, {}, **foreign).status_code == 403, path
        null = home.send(written, origin="null").status_code
        assert null == 403, path
        if path not in SECRETS:
            assert home.send(written, origin=None).status_code == 403, path


OURS: dict[str, dict[str, str | None]] = {
    "origin alone": {"origin": ""},
    "both": {"origin": "", "sec-fetch-site": "same-origin"},
    "no origin": {"origin": None, "sec-fetch-site": "same-origin"},
}


@pytest.mark.parametrize("case", OURS)
def test_our_own_forms_work(home: Surfer, case: str) -> None:
    answer = send(home, "/-/account/name", {"username": "anna"}, **OURS[case])
    assert answer.status_code == 303
    assert 'value="anna"' in home.follow(answer).text


def test_a_tunnel_has_a_name_of_its_own(home: Surfer) -> None:
    """Which browsers vouch for on https and on this machine, and nowhere else."""
    here = {"host": "localhost:9000", "origin": "http://localhost:9000"}
    assert send(home, "/-/account/name", {"username": "b"}, **here).status_code == 403
    vouched = {**here, "sec-fetch-site": "same-origin"}
    assert send(home, "/-/account/name", {"username": "b"}, **vouched).status_code == 303


@pytest.mark.parametrize("path", SECRETS)
def test_programs_bring_secrets_and_foreign_pages_do_not(home: Surfer, path: str) -> None:
    form = {"email": "a@b.example", "code": "0" * 32, "password": "x" * 8, "again": "x" * 8}
    taken = home.send(path, form, origin=None).text
    assert "was not sent" not in taken
    assert "was not sent" not in home.send(path, form).text
    for origin in ("https://evil.example", "null"):
        assert "was not sent" in home.send(path, form, origin=origin).text
    assert "was not sent" not in send(home, path, form, origin=OTHER, host="other.example").text


def test_a_stream_is_asked_for_by_pages_of_ours(home: Surfer) -> None:
    """Over plain http on a name browsers send neither header with it, but a referrer."""

    class Asked:
        method = "GET"
        app: Any = None

        def __init__(self, **headers: str) -> None:
            self.app = type("A", (), {"state": type("S", (), {"services": home.app.services})})
            host = home.own.partition("://")[2]
            self.headers = {"host": host, **{k.replace("_", "-"): v for k, v in headers.items()}}
            self.scope = {"headers": [(k.encode(), v.encode()) for k, v in self.headers.items()]}

    def is_taken(**headers: str) -> bool:
        try:
            check(Asked(**headers))  # type: ignore[arg-type]
        except Exception:
            return False
        return True

    assert is_taken(sec_fetch_site="same-origin")
    assert is_taken(referer=f"{home.own}/-/dashboard?q=x")
    assert not is_taken(referer="https://evil.example/")
    assert not is_taken(referer=f"{home.own}.evil.example/")
    assert not is_taken()
    assert not is_taken(sec_fetch_site="cross-site", referer=f"{home.own}/")


def test_pages_stand_on_one_host(home: Surfer) -> None:
    """No form to sign in ever stands on a domain of a team's, or on another host."""
    answer = home.get(f"{OTHER}/-/login?next=/-/account")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{home.own}/-/login?next=/-/account"
    answer = home.send(f"{OTHER}/-/login", {"name": "ann"}, origin=OTHER)
    assert answer.status_code == 404
    for path in ("//evil.example", "/-/account/keys"):
        location = home.get(f"{OTHER}{path}").headers.get("location", home.own)
        assert location.startswith(home.own)


def test_the_cookie_is_for_this_host_alone(home: Surfer) -> None:
    home = Surfer(home.app, home.own)
    home.sign_in("ann@nowhere.example")
    cookie = home.set[session_cookie(home.own)]
    secure = home.own.startswith("https:")
    assert cookie == {
        **({"secure": "True"} if secure else {}),
        "path": "/",
        "max-age": str(30 * 86_400),
        "httponly": "True",
        "samesite": "lax",
    }
    answer = home.send("/-/logout")
    assert answer.headers.get("clear-site-data") == ('"cache"' if secure else None)
    assert home.set[session_cookie(home.own)] == {**cookie, "max-age": "0"}


def test_pages_are_not_framed_and_not_kept(home: Surfer) -> None:
    for path in ("/-/account", "/-/account/keys", "/-/login", "/-/signup", "/-/forgot"):
        other = Surfer(home.app, home.own) if path in ("/-/login", "/-/signup") else home
        headers = other.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
