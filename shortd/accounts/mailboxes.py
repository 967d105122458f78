"""What only the owner of a mailbox may do: have its address verified, and reset a password.

A mail with a code goes out, and whoever brings the code back reads that mailbox. Strangers ask,
too: what they are told, and how long it takes, is the same for an account that exists and for
none. So both ways read alike and end in one commit; where nothing is to be kept, as much is
written and taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from shortd import errors
from shortd.accounts.accounts import ID_LENGTH, find_account, label, normalize_email
from shortd.accounts.credentials import end_credentials
from shortd.accounts.known_clients import Clients
from shortd.accounts.logins import Logins
from shortd.accounts.sign_ins import SignIns
from shortd.accounts.tokens import Login, put_token
from shortd.clock import SECOND
from shortd.ids import random_text
from shortd.limits.budgets import Budgets
from shortd.limits.owner_cache import OwnerCache
from shortd.mail.outbox import put_mail, take_mail
from shortd.models.accounts import Account, AccountType, PasswordHash
from shortd.models.mail import Mail, MailPurpose
from shortd.security.guessing import Guessing, Secret
from shortd.security.mailed_codes import (
    NOBODY,
    Verdict,
    end_code,
    new_code,
    put_code,
    try_code,
    use_code,
)
from shortd.security.passwords import PasswordHasher
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EMAIL,
    MAIL_HISTORIES,
    OUTBOX,
    SECOND_FACTORS,
)
from shortd.store.txn import WriteTxn


class Mailboxes:
    """The rules of mailed codes over the store. Times are Unix µs, codes 32 hex digits."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        hasher: PasswordHasher,
        guessing: Guessing,
        budgets: Budgets,
        owners: OwnerCache,
        clients: Clients,
        logins: Logins,
        sign_ins: SignIns,
        random: Random,
    ) -> None:
        self._store = store
        self._limits = settings.limits
        self._takes_passwords = settings.auth.password
        self._daily = settings.mail.per_day
        self._hasher = hasher
        self._guessing = guessing
        self._budgets = budgets
        self._owners = owners
        self._clients = clients
        self._logins = logins
        self._sign_ins = sign_ins
        self._random = random

    async def mail_verification(
        self, userid: str, address: str, now: int, language: str = ""
    ) -> None:
        """Mails an account's address a code that verifies it, for somebody at a client's address,
        in the language that the account has chosen, else in this one.

        ALREADY_VERIFIED, NOT_REGISTERED for an account without an address, MAIL_LIMITED.
        """
        self._budgets.charge_mail(address, now)
        mail = self._new_mail(MailPurpose.VERIFY, now, language)

        def queue(txn: WriteTxn) -> int:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None or not account.email:
                raise errors.NOT_REGISTERED(field="userid")
            if account.email_verified:
                raise errors.ALREADY_VERIFIED()
            wait = take_mail(txn, account.email, mail.purpose, self._daily, now)
            if not wait:
                _queue(txn, mail, account.userid, account.email)
            return wait

        wait = await self._store.write(queue)
        if wait:
            raise errors.MAIL_LIMITED(retry_after=wait / SECOND)

    async def mail_reset(self, name: str, address: str, now: int, language: str = "") -> None:
        """Mails the account of that username or address a code for a new password, if there is
        one and it was not sent too many, in the language that it has chosen, else in this one.
        Nothing tells which it was.

        INVALID_FIELD for what can be nobody's name; MAIL_LIMITED for a client's address that has
        asked too often, whomever for.
        """
        self._demand_passwords()
        name = name.strip()
        if not name or not name.isprintable():
            raise errors.INVALID_FIELD(
                "This is neither a username nor an e-mail address.", field="username_email"
            )
        self._budgets.charge_mail(address, now)
        mail = self._new_mail(MailPurpose.RESET, now, language)

        def queue(txn: WriteTxn) -> None:
            account = find_account(txn, name)
            email = account.email if account else NOBODY
            wait = take_mail(txn, email or NOBODY, mail.purpose, self._daily, now)
            wanted = account is not None and bool(email) and not wait
            userid = account.userid if account and wanted else NOBODY
            _queue(txn, mail, userid, email if wanted else NOBODY)
            if not wanted:
                end_code(txn, NOBODY, mail.purpose)
                OUTBOX.delete(txn, (NOBODY, mail.purpose))
                MAIL_HISTORIES.delete(txn, (NOBODY, mail.purpose))

        # A full disk must not tell which it was either, as what adds rows would.
        await self._store.write(queue, Reserve.ALL)

    async def send_reset(self, userid: str, now: int) -> None:
        """The same for the operator, who is told what came of it. ACCOUNT_NOT_FOUND, NOT_REGISTERED
        for an account without an address, MAIL_LIMITED for one that was sent too many,
        PASSWORD_OFF.
        """
        self._demand_passwords()
        mail = self._new_mail(MailPurpose.RESET, now)

        def queue(txn: WriteTxn) -> None:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None:
                raise errors.ACCOUNT_NOT_FOUND()
            if not account.email:
                raise errors.NOT_REGISTERED(field="userid")
            wait = take_mail(txn, account.email, mail.purpose, self._daily, now)
            if wait:
                raise errors.MAIL_LIMITED(retry_after=wait / SECOND)
            _queue(txn, mail, userid, account.email)

        await self._store.write(queue, Reserve.ALL)

    async def verify(self, email: str, code: str, address: str, now: int) -> None:
        """Marks an e-mail address as verified, and the account, if it was merely registered.

        The same code again is no mistake as long as it stays verified. WRONG_CODE, LOGIN_LIMITED
        after many such, or INVALID_FIELD for what is no e-mail address.
        """
        key = (normalize_email(email).casefold(),)

        def verify(txn: WriteTxn) -> tuple[Verdict, Account | None]:
            account = ACCOUNTS_BY_EMAIL.get(txn, key)
            verdict = try_code(txn, account, MailPurpose.VERIFY, code, now)
            if account is not None and verdict is Verdict.RIGHT:
                use_code(txn, account, MailPurpose.VERIFY, code, now)
                account = verified(account)
                ACCOUNTS.put(txn, (account.userid,), account)
            return verdict, account

        with self._guessing.attempt_now(Secret.MAILED_CODE, *key, address) as attempt:
            verdict, account = await self._store.write(verify, Reserve.ALL)
            attempt.account = label(account)
            if account is None or verdict is Verdict.WRONG or not account.email_verified:
                raise errors.WRONG_CODE()
            attempt.succeed()
        # His limits may be others now.
        self._owners.forget(account.userid)

    async def try_reset(self, email: str, code: str, address: str, now: int) -> Account:
        """The account whose password this code may set; to be asked before any work is done for
        it. WRONG_CODE, LOGIN_LIMITED after many such, or INVALID_FIELD for what is no e-mail
        address."""
        self._demand_passwords()
        key = (normalize_email(email).casefold(),)

        def try_once(txn: WriteTxn) -> tuple[Verdict, Account | None]:
            account = ACCOUNTS_BY_EMAIL.get(txn, key)
            return try_code(txn, account, MailPurpose.RESET, code, now), account

        with self._guessing.attempt_now(Secret.MAILED_CODE, *key, address) as attempt:
            verdict, account = await self._store.write(try_once, Reserve.ALL)
            attempt.account = label(account)
            if account is None or verdict is not Verdict.RIGHT:
                raise _refusal(verdict)
            attempt.succeed()
        return account

    async def set_password(
        self, account: Account, code: str, passwords: Sequence[str], now: int
    ) -> None:
        """Sets the password, and ends all logins, API keys and passkeys.

        `account` is what `try_reset` answered, `passwords` the new one's derivations. WRONG_CODE
        for whoever comes second, BUSY.
        """
        password = await self._hasher.hash(passwords)
        await self._store.write(
            lambda txn: _reset(txn, account.userid, code, password, now), Reserve.ALL
        )

    async def reset_password(
        self,
        account: Account,
        code: str,
        passwords: Sequence[str],
        address: str,
        now: int,
        user_agent: str = "",
        *,
        second_factor: str | None = None,
    ) -> Login:
        """The same, with a new login for somebody at a client's address. SECOND_FACTOR_REQUIRED for
        an account that has one, unless its code comes along; WRONG_CODE, LOGIN_LIMITED."""
        if account.email_verified:
            await self._logins.demand_second_factor(account, second_factor, address, now)
        password = await self._hasher.hash(passwords)
        token = random_text(self._random, ID_LENGTH)
        client = self._clients.of(address, user_agent)

        def reset(txn: WriteTxn) -> Account:
            current = _reset(txn, account.userid, code, password, now)
            lifetime = self._limits.token_lifetime(current.type)
            put_token(txn, current.userid, token, now, lifetime, client)
            return current

        current = await self._store.write(reset, Reserve.ALL)
        self._sign_ins.tell(current, "password", address, user_agent)
        return Login(current, token)

    def _demand_passwords(self) -> None:
        """PASSWORD_OFF where a new one would open nothing."""
        if not self._takes_passwords:
            raise errors.PASSWORD_OFF()

    def _new_mail(self, purpose: MailPurpose, now: int, language: str = "") -> Mail:
        """A mail to nobody yet."""
        return Mail(
            id=random_text(self._random, ID_LENGTH),
            userid=NOBODY,
            purpose=purpose,
            recipient="",
            code=new_code(self._random),
            create_utime=now,
            next_utime=now,
            language=language,
        )


def _reset(txn: WriteTxn, userid: str, code: str, password: PasswordHash, now: int) -> Account:
    """Uses a code up for a new password. What the account has been opened with ends; so does its
    second factor if nobody knows whose the address is: then it may be a stranger's, who signed up
    with it."""
    current = ACCOUNTS.get(txn, (userid,))
    if current is None:
        raise errors.WRONG_CODE()
    verdict = use_code(txn, current, MailPurpose.RESET, code, now)
    if verdict is not Verdict.RIGHT:
        raise _refusal(verdict)
    current = msgspec.structs.replace(current, password=password)
    ACCOUNTS.put(txn, (current.userid,), current)
    end_credentials(txn, current.userid)
    if not current.email_verified:
        SECOND_FACTORS.delete(txn, (current.userid,))
    return current


def _queue(txn: WriteTxn, mail: Mail, userid: str, email: str) -> None:
    put_code(txn, userid, mail.purpose, mail.code, email, mail.create_utime)
    put_mail(txn, msgspec.structs.replace(mail, userid=userid, recipient=email))


def verified(account: Account) -> Account:
    """The account with an address that is known to be its owner's."""
    kind = account.type
    if kind is AccountType.REGISTERED:
        kind = AccountType.VERIFIED
    return msgspec.structs.replace(account, email_verified=True, type=kind)


def _refusal(verdict: Verdict) -> errors.ShortdError:
    """Who can name a used code is told so: he may have pressed a button twice."""
    if verdict is Verdict.USED:
        return errors.WRONG_CODE("This code has been used already.")
    return errors.WRONG_CODE()
