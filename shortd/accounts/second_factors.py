"""Second factors: the codes of an authenticator app (TOTP, RFC 6238) beside a password, and
recovery codes for when it is lost.

A passkey is both factors at once, so whoever has one needs no app, and signs in without a password.
Who must have either, the settings say. Nothing here lets anybody in: it only says what is still
missing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.accounts import label, registered
from shortd.accounts.known_clients import Clients, is_known
from shortd.accounts.proofs import demand_proof
from shortd.clock import MINUTE, SECOND
from shortd.ids import random_id, token_digest
from shortd.mail.outbox import tell_change
from shortd.models.accounts import Account, SecondFactor
from shortd.models.mail import FactorChange
from shortd.security.guessing import Guessing, Secret
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, PASSKEYS, SECOND_FACTORS, TOKENS
from shortd.store.txn import Txn, WriteTxn

SECRET_BYTES = 20
"""Of an app's secret, as RFC 4226 recommends."""
HANDLE_BYTES = 32
DIGITS = 6
WINDOW = 1
"""Steps of 30 seconds by which an app's clock may be wrong."""
SETTING_UP = 15 * MINUTE
"""µs for which a secret waits for its first code."""
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
RECOVERY_LENGTH = 8
CODE_CHARACTERS = 32
"""Of what may be typed as a code."""

NOBODYS = SecondFactor(handle=b"")


class Standing(NamedTuple):
    """What an account has beside its password."""

    has_app: bool
    since: int
    recovery_codes: int
    """Left."""
    passkeys: int
    """That open it."""
    is_demanded: bool
    """By the settings."""

    @property
    def is_asked(self) -> bool:
        """Whether its password alone does not open it."""
        return self.has_app or (self.is_demanded and self.passkeys > 0)

    @property
    def is_due(self) -> bool:
        """Whether it must have a second factor and has none."""
        return self.is_demanded and not self.has_app and not self.passkeys


class SecondFactors:
    """The rules of second factors over the store. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        guessing: Guessing,
        clients: Clients,
        random: Random,
    ) -> None:
        self._store = store
        self._site = settings.pages_url.partition("://")[2]
        self._policy = settings.auth.second_factor
        self._sends_mail = bool(settings.mail.smtp_url)
        self._mails_per_day = settings.mail.per_day
        self._guessing = guessing
        self._clients = clients
        self._random = random

    @property
    def are_demanded(self) -> bool:
        """Whether anybody must have one."""
        return self._policy != "off"

    def of(self, account: Account) -> Standing:
        """What the account has and needs."""
        with self._store.read() as txn:
            return self._standing(txn, account)

    def are_due(self, account: Account, token: str | None) -> bool:
        """Whether this login may do nothing but set up a second factor. Whom an issuer or a proxy
        has vouched for needs none of ours."""
        if token is None or not self._is_demanded(account):
            return False
        with self._store.read() as txn:
            login = TOKENS.get(txn, (account.userid, token_digest(token)))
            is_vouched = login is not None and login.vouched
            return not is_vouched and self._standing(txn, account).is_due

    def demand(self, account: Account, token: str | None) -> None:
        """SECOND_FACTOR_REQUIRED if it may do nothing else."""
        if self.are_due(account, token):
            raise set_up_first()

    def waiting_secret(self, account: Account, now: int) -> str:
        """The secret that is being set up, in base 32; empty for none."""
        row = self._store.get(SECOND_FACTORS, (account.userid,)) or NOBODYS
        return _base32(row.waiting) if _waits(row, now) else ""

    def uri(self, account: Account, secret: str) -> str:
        """What an app's camera reads of a secret (the otpauth key URI format)."""
        import pyotp

        totp = pyotp.TOTP(secret, digits=DIGITS)
        return totp.provisioning_uri(name=label(account), issuer_name=self._site)

    async def begin_app(self, account: Account, token: str | None, now: int) -> None:
        """Draws a secret, which is the account's once a code of it has come. PROOF_REQUIRED,
        NOT_REGISTERED."""
        secret = self._random.randbytes(SECRET_BYTES)

        def put(txn: WriteTxn) -> None:
            registered(txn, account.userid)
            demand_proof(txn, account.userid, token, now)
            row = self._row(txn, account.userid)
            row = msgspec.structs.replace(row, waiting=secret, waiting_utime=now)
            SECOND_FACTORS.put(txn, (account.userid,), row)

        await self._store.write(put)

    async def finish_app(
        self, account: Account, token: str | None, code: str, address: str, now: int
    ) -> list[str]:
        """Makes the secret that waits the account's, once a code proves that an app has it; the
        recovery codes, which are never shown again. Those from before have ended.

        WRONG_CODE, LOGIN_LIMITED, PROOF_REQUIRED.
        """
        codes = self._draw_recovery_codes()

        def put(txn: WriteTxn) -> bool:
            demand_proof(txn, account.userid, token, now)
            row = self._row(txn, account.userid)
            step = _step_of(row.waiting, code, now) if _waits(row, now) else None
            if step is None:
                return False
            row = msgspec.structs.replace(
                row,
                secret=row.waiting,
                create_utime=now,
                step=step,
                recovery=_digests(row.handle, codes),
                waiting=b"",
            )
            SECOND_FACTORS.put(txn, (account.userid,), row)
            self.tell(txn, account.userid, FactorChange.APP_ADDED, now)
            return True

        await self._attempt(account, address, now, put, "code")
        return codes

    async def renew_recovery_codes(
        self, account: Account, token: str | None, now: int
    ) -> list[str]:
        """Ten new ones in the place of those that are left. PROOF_REQUIRED; NOT_FOUND for an
        account without an app."""
        codes = self._draw_recovery_codes()

        def put(txn: WriteTxn) -> None:
            demand_proof(txn, account.userid, token, now)
            row = self._row(txn, account.userid)
            if not row.secret:
                raise errors.NOT_FOUND()
            row = msgspec.structs.replace(row, recovery=_digests(row.handle, codes))
            SECOND_FACTORS.put(txn, (account.userid,), row)
            self.tell(txn, account.userid, FactorChange.RECOVERY_CODES, now)

        await self._store.write(put)
        return codes

    async def end_app(self, account: Account, token: str | None, now: int) -> None:
        """Removes the app and the recovery codes. PROOF_REQUIRED."""

        def put(txn: WriteTxn) -> None:
            demand_proof(txn, account.userid, token, now)
            row = self._row(txn, account.userid)
            if row.secret:
                SECOND_FACTORS.put(txn, (account.userid,), SecondFactor(row.handle))
                self.tell(txn, account.userid, FactorChange.APP_REMOVED, now)

        await self._store.write(put, Reserve.ALL)

    async def prove(
        self, account: Account, code: str, address: str, now: int, *, field: str = "code"
    ) -> None:
        """Uses up a code of the account's app, or a recovery code.

        WRONG_CODE at the field, also for one that was used before; LOGIN_LIMITED after many.
        """

        def use(txn: WriteTxn) -> bool:
            row = SECOND_FACTORS.get(txn, (account.userid,))
            used = None if row is None else _used(row, code, now)
            if used is not None:
                SECOND_FACTORS.put(txn, (account.userid,), used)
            return used is not None

        await self._attempt(account, address, now, use, field)

    def tell(self, txn: WriteTxn, userid: str, change: FactorChange, now: int) -> None:
        """Has the owner told by mail, if the server sends any."""
        account = ACCOUNTS.get(txn, (userid,))
        if account is not None and self._sends_mail:
            mail_id = random_id(self._random)
            tell_change(txn, account, change, mail_id, self._mails_per_day, now)

    def handle_of(self, txn: WriteTxn, userid: str) -> bytes:
        """What authenticators know an account by, from the first time on."""
        row = self._row(txn, userid)
        SECOND_FACTORS.put(txn, (userid,), row)
        return row.handle

    async def _attempt(
        self,
        account: Account,
        address: str,
        now: int,
        use: Callable[[WriteTxn], bool],
        field: str,
    ) -> None:
        """Compares, once it may be tried: what is used up is so before anybody is told."""
        with self._store.read() as txn:
            known = is_known(txn, account.userid, self._clients.of(address).hash, now)
        secret, subject = Secret.SECOND_FACTOR, account.userid
        async with self._guessing.attempt(secret, subject, address, known=known) as attempt:
            attempt.account = label(account)
            if not await self._store.write(use, Reserve.ALL):
                raise errors.WRONG_CODE("This code is wrong, or was used before.", field=field)
            attempt.succeed()

    def _standing(self, txn: Txn, account: Account) -> Standing:
        row = SECOND_FACTORS.get(txn, (account.userid,)) or NOBODYS
        return Standing(
            has_app=bool(row.secret),
            since=row.create_utime,
            recovery_codes=len(row.recovery),
            passkeys=sum(not row.doubt_utime for _, row in PASSKEYS.scan(txn, (account.userid,))),
            is_demanded=self._is_demanded(account),
        )

    def _is_demanded(self, account: Account) -> bool:
        if not account.type.is_registered or self._policy == "off":
            return False
        return self._policy == "all" or account.operator

    def _row(self, txn: Txn, userid: str) -> SecondFactor:
        row = SECOND_FACTORS.get(txn, (userid,))
        return row or SecondFactor(handle=self._random.randbytes(HANDLE_BYTES))

    def _draw_recovery_codes(self) -> list[str]:
        half = RECOVERY_LENGTH // 2
        drawn = [
            "".join(self._random.choices(RECOVERY_ALPHABET, k=RECOVERY_LENGTH))
            for _ in range(RECOVERY_CODES)
        ]
        return [f"{code[:half]}-{code[half:]}" for code in drawn]


def set_up_first() -> errors.ShortdError:
    """What who must have a second factor and has none is told."""
    return errors.SECOND_FACTOR_REQUIRED(
        "This account has to set up a second factor first, on the pages of this server."
    )


def clear(txn: WriteTxn, userid: str) -> None:
    """Removes all that an account has beside its password."""
    SECOND_FACTORS.delete(txn, (userid,))
    for key, _ in list(PASSKEYS.scan(txn, (userid,))):
        PASSKEYS.delete(txn, key)


def _waits(row: SecondFactor, now: int) -> bool:
    return bool(row.waiting) and now - SETTING_UP < row.waiting_utime <= now


def _used(row: SecondFactor, code: str, now: int) -> SecondFactor | None:
    """The row with a code used up; None for one that is not good."""
    typed = _typed(code)
    if len(typed) == DIGITS:
        step = _step_of(row.secret, code, now, row.step) if row.secret else None
        return None if step is None else msgspec.structs.replace(row, step=step)
    [digest] = _digests(row.handle, [typed])
    left = tuple(one for one in row.recovery if not hmac.compare_digest(one, digest))
    if len(left) == len(row.recovery):
        return None
    return msgspec.structs.replace(row, recovery=left)


def _step_of(secret: bytes, code: str, now: int, used: int = -1) -> int | None:
    """The time step that a code is of; None if it is of none of these moments, or of one that is
    `used`."""
    import pyotp

    totp = pyotp.TOTP(_base32(secret), digits=DIGITS)
    seconds = now // SECOND
    try:
        step = totp.verify_and_get_timecode(_typed(code), for_time=seconds, valid_window=WINDOW)
    except (pyotp.OTPVerificationError, ValueError):
        return None
    # A step far ahead was used by a clock that was wrong: it must not keep anybody out.
    is_used = step <= used <= totp.timecode(seconds) + WINDOW
    return None if is_used else step


def _typed(code: str) -> str:
    """A code without what people type between its halves."""
    return "".join(part for part in code[:CODE_CHARACTERS].lower() if part.isalnum())


def _digests(handle: bytes, codes: list[str]) -> tuple[bytes, ...]:
    """Of recovery codes, salted with what only this account has."""
    return tuple(hashlib.sha256(handle + _typed(code).encode()).digest() for code in codes)


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode()
