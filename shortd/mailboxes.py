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
from shortd.accounts import ID_LENGTH, find_account, normalize_email
from shortd.clock import SECOND
from shortd.codes import NOBODY, Verdict, end_code, new_code, put_code, try_code, use_code
from shortd.ids import random_text
from shortd.mail.outbox import put_mail, take_mail
from shortd.models import Account, AccountType, Mail, MailPurpose
from shortd.owners import Owners
from shortd.passwords import PasswordHasher
from shortd.settings import LimitSettings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, MAIL_HISTORIES, OUTBOX
from shortd.store.txn import WriteTxn
from shortd.tokens import Login, end_tokens, put_token


class Mailboxes:
    """The rules of mailed codes over the store. Times are Unix µs, codes 32 hex digits."""

    def __init__(
        self,
        store: Store,
        limits: LimitSettings,
        hasher: PasswordHasher,
        owners: Owners,
        random: Random,
    ) -> None:
        self._store = store
        self._limits = limits
        self._hasher = hasher
        self._owners = owners
        self._random = random

    async def mail_verification(self, userid: str, now: int) -> None:
        """Mails an account's address a code that verifies it.

        ALREADY_VERIFIED, NOT_REGISTERED for an account without an address, MAIL_LIMITED.
        """
        mail = self._new_mail(MailPurpose.VERIFY, now)

        def queue(txn: WriteTxn) -> int:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None or not account.email:
                raise errors.NOT_REGISTERED(field="userid")
            if account.email_verified:
                raise errors.ALREADY_VERIFIED()
            wait = take_mail(txn, account.email, mail.purpose, now)
            if not wait:
                _queue(txn, mail, account.userid, account.email)
            return wait

        wait = await self._store.write(queue)
        if wait:
            raise errors.MAIL_LIMITED(retry_after=wait / SECOND)

    async def mail_reset(self, name: str, now: int) -> None:
        """Mails the account of that username or address a code for a new password, if there is
        one and it was not sent too many. Nothing tells which it was.

        INVALID_FIELD for what can be nobody's name.
        """
        name = name.strip()
        if not name or not name.isprintable():
            raise errors.INVALID_FIELD(
                "This is neither a username nor an e-mail address.", field="username_email"
            )
        mail = self._new_mail(MailPurpose.RESET, now)

        def queue(txn: WriteTxn) -> None:
            account = find_account(txn, name)
            email = account.email if account else NOBODY
            wait = take_mail(txn, email, mail.purpose, now)
            wanted = account is not None and bool(email) and not wait
            userid = account.userid if account and wanted else NOBODY
            _queue(txn, mail, userid, email if wanted else NOBODY)
            if not wanted:
                end_code(txn, NOBODY, mail.purpose)
                OUTBOX.delete(txn, (NOBODY, mail.purpose))
                MAIL_HISTORIES.delete(txn, (NOBODY, mail.purpose))

        await self._store.write(queue)

    async def verify(self, email: str, code: str, now: int) -> None:
        """Marks the address as verified, and the account, if it was merely registered.

        The same code again is no mistake as long as it stays verified. WRONG_CODE, or
        INVALID_FIELD for what is no address.
        """
        key = (normalize_email(email).casefold(),)

        def verify(txn: WriteTxn) -> tuple[Verdict, Account | None]:
            account = ACCOUNTS_BY_EMAIL.get(txn, key)
            verdict = try_code(txn, account, MailPurpose.VERIFY, code, now)
            if account is not None and verdict is Verdict.RIGHT:
                use_code(txn, account, MailPurpose.VERIFY, code, now)
                account = _verified(account)
                ACCOUNTS.put(txn, (account.userid,), account)
            return verdict, account

        verdict, account = await self._store.write(verify)
        if account is None or verdict is Verdict.WRONG or not account.email_verified:
            raise errors.WRONG_CODE()
        # His limits may be others now.
        self._owners.forget(account.userid)

    async def try_reset(self, email: str, code: str, now: int) -> Account:
        """The account whose password this code may set; to be asked before any work is done for
        it. WRONG_CODE, or INVALID_FIELD for what is no address."""
        key = (normalize_email(email).casefold(),)

        def attempt(txn: WriteTxn) -> tuple[Verdict, Account | None]:
            account = ACCOUNTS_BY_EMAIL.get(txn, key)
            return try_code(txn, account, MailPurpose.RESET, code, now), account

        verdict, account = await self._store.write(attempt)
        if account is None or verdict is not Verdict.RIGHT:
            raise _refusal(verdict)
        return account

    async def reset_password(
        self, account: Account, code: str, passwords: Sequence[str], now: int
    ) -> Login:
        """Sets the password, ends all logins, and gives a new one.

        `account` is what `try_reset` answered, `passwords` the new one's derivations. WRONG_CODE
        for whoever comes second, BUSY.
        """
        password = await self._hasher.hash(passwords)
        token = random_text(self._random, ID_LENGTH)

        def reset(txn: WriteTxn) -> Account:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None:
                raise errors.WRONG_CODE()
            verdict = use_code(txn, current, MailPurpose.RESET, code, now)
            if verdict is not Verdict.RIGHT:
                raise _refusal(verdict)
            current = msgspec.structs.replace(current, password=password)
            ACCOUNTS.put(txn, (current.userid,), current)
            end_tokens(txn, current.userid)
            put_token(txn, current.userid, token, now, self._limits.token_lifetime(current.type))
            return current

        return Login(await self._store.write(reset), token)

    def _new_mail(self, purpose: MailPurpose, now: int) -> Mail:
        """A mail to nobody yet."""
        return Mail(
            id=random_text(self._random, ID_LENGTH),
            userid=NOBODY,
            purpose=purpose,
            recipient="",
            code=new_code(self._random),
            create_utime=now,
            next_utime=now,
        )


def _queue(txn: WriteTxn, mail: Mail, userid: str, email: str) -> None:
    put_code(txn, userid, mail.purpose, mail.code, email, mail.create_utime)
    put_mail(txn, msgspec.structs.replace(mail, userid=userid, recipient=email))


def _verified(account: Account) -> Account:
    kind = account.type
    if kind is AccountType.REGISTERED:
        kind = AccountType.VERIFIED
    return msgspec.structs.replace(account, email_verified=True, type=kind)


def _refusal(verdict: Verdict) -> errors.ShortdError:
    """Who can name a used code is told so: he may have pressed a button twice."""
    if verdict is Verdict.USED:
        return errors.WRONG_CODE("This code has been used already.")
    return errors.WRONG_CODE()
