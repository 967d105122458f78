"""Passwords in forms: derived in the browser, as clients of the API derive them, or else here.

A browser derives on https and on this machine alone, and not without scripts. Then what was typed
is in the form, and nobody must keep it.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from shortd.blocks import blocks
from shortd.fields import PasswordHex
from shortd.security.fair_queue import Purpose, Turn
from shortd.security.passwords import PASSWORD_CHARACTERS, composed
from shortd.web.forms import Form, Words
from shortd.web.routing import AnyRequest, client_address, services_of

LONGEST = 1000
DERIVE_WEIGHT = 4000
"""What it costs beside the form where the server has to derive: a tenth of a second of it."""

Typed = Annotated[str, Meta(max_length=LONGEST)]


class Password(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a password that an account has."""

    password: Typed = ""
    password_pbkdf2: PasswordHex | None = None
    password_sha256: PasswordHex | None = None


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of one that it is to have."""

    password_new: Typed = ""
    password_again: Typed = ""
    password_new_pbkdf2: PasswordHex | None = None
    password_new_sha256: PasswordHex | None = None


class BothPasswords(NewPassword, frozen=True, kw_only=True):
    """The fields of both, one in the place of the other."""

    password: Typed = ""
    password_pbkdf2: PasswordHex | None = None
    password_sha256: PasswordHex | None = None


T = TypeVar("T", bound=msgspec.Struct)


def checked(form: Form[T], words: Words, *, new: bool = False) -> Form[T]:
    """The form, with what is wrong with the password that was typed as far as can be seen without
    comparing; with `new`, with one that it is to be."""
    name = "password_new" if new else "password"
    if form.last(f"{name}_pbkdf2") and form.last(f"{name}_sha256"):
        return form
    typed = composed(form.last(name))
    if not typed:
        return form.wrong(name, words("Fill this in."))
    if new and len(typed) < PASSWORD_CHARACTERS:
        said = words("A password has at least %(least)s characters.")
        return form.wrong(name, said % {"least": PASSWORD_CHARACTERS})
    if new and composed(form.last("password_again")) != typed:
        return form.wrong("password_again", words("These are two different passwords."))
    return form


async def derivations(request: AnyRequest, value: msgspec.Struct, name: str) -> list[str]:
    """Both derivations of a password that was `checked`. RATE_LIMITED, BUSY."""
    if derived := _derived(value, name):
        return derived
    services = services_of(request)
    address = client_address(services, request.scope)
    services.limits.budgets.charge_client(address, DERIVE_WEIGHT, services.clock.now())
    turn = Turn(Purpose.LOGIN, blocks(address)[-1])
    return await services.security.hasher.derive(getattr(value, name), turn)


def _derived(value: msgspec.Struct, name: str) -> list[str]:
    found = [getattr(value, f"{name}_pbkdf2"), getattr(value, f"{name}_sha256")]
    return [] if None in found else found
