"""Signing in through an issuer in Firefox and WebKit: there and back under our pages' policy."""

from __future__ import annotations

from tests.browser.engines.engine import Engine
from tests.issuers.conftest import Issuer, home, issuer, issuer_process
from tests.server_process import ServerProcess

__all__ = ["home", "issuer", "issuer_process"]


def test_there_and_back(engine: Engine, home: ServerProcess, issuer: Issuer) -> None:
    engine.open(f"{home.url}/-/login?next=/-/account")
    engine.follow("Go on with Home")
    engine.sees("Issuer")
    engine.follow("Yes")
    engine.sees("Ways to sign in")
    assert engine.address == f"{home.url}/-/account"
    # What failed is told, and how to go on.
    engine.forget()
    issuer.tell(claims={"aud": "somebody-else"})
    engine.open(f"{home.url}/-/login")
    engine.follow("Go on with Home")
    engine.sees("Issuer")
    engine.follow("Yes")
    engine.sees("another audience")
