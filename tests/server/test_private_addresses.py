"""No address of a client is left on the disk where the settings do not want it kept."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from shortd.testing import open_app
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.links.keeper import Keeper
from tests.sharing.sharing import CHALLENGE, SECRECY, Sharer, frames

ADDRESSES = ["203.0.113.77", "2001:db8:77:88:99:aa:bb:cc"]


def spellings(address: str) -> list[bytes]:
    """As text, with its blocks, and packed."""
    ip = ip_address(address)
    words = [address, ip.exploded, address.rpartition(":")[0] or address]
    return [*(word.encode() for word in words), ip.packed]


@pytest.mark.parametrize("mode", ["none", "truncated"])
def test_whatever_a_client_does_leaves_no_address(tmp_path: Path, mode: str) -> None:
    data = tmp_path / "data"
    environ = {
        **GENEROUS,
        "SHORTD_CLICKS__IP": mode,
        "SHORTD_SQWISH__REQUIRE_KEY": "false",
        "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "1",
    }
    with open_app(data, environ=environ) as app:
        keeper, sharer = Keeper(app), Sharer(app, app.userid)
        protected = keeper.link(password="secret")
        unique = keeper.link(unique_minutes=60)
        secret = sharer.share(frames(4), filesize=4, expiration_count=5, **SECRECY)
        for number, address in enumerate(ADDRESSES):
            name = f"person{number}"
            email = f"{name}@nowhere.example"
            for visited in (protected, unique, "/nothing", secret["shorturl"], f"{unique}.svg"):
                app.get(visited, address=address)
            form = f"code={protected[1:]}&password="
            for password in ("wrong", "secret"):
                app.request("POST", "/-/open", content=form + password, address=address)
            signup = {"email": email, "username": name, "password": double_sha256(PASSWORD)}
            file = {"shorturl": secret["shorturl"]}
            login = {"username_email": name, "password": double_sha256(PASSWORD)}
            for call, body in (
                ("temporary_account", {}),
                ("signup", signup),
                ("login", login),
                ("login", {**login, "password": "0" * 64}),
                ("forgot_password", {"username_email": email}),
                ("reset_password", {"email": email, "unique_code": "0" * 32, "password": "0" * 64}),
                ("get_protected_file_info", {**file, "challenge": "0" * 32}),
                ("get_protected_file_info", {**file, "challenge": CHALLENGE}),
            ):
                app.post(call, body, address=address)
            app.request("POST", "/v1/authen/token", content="{}", address=address)
            app.get("/shorten.json?url=https://example.com/", address=address)
            app.get("/stats.json?code=x&api_key=y", address=address)
        app.drain()
        app.run(app.services.limits.budgets.save())
    words = [word for address in ADDRESSES for word in spellings(address)]
    for path in data.rglob("*"):
        if path.is_file() and path.name != "lock":
            content = path.read_bytes()
            assert [word for word in words if word in content] == [], path
