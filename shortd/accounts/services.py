"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from shortd.accounts.access_tokens import AccessTokens
from shortd.accounts.accounts import Accounts
from shortd.accounts.api_keys import ApiKeys
from shortd.accounts.identities import Identities
from shortd.accounts.known_clients import Clients
from shortd.accounts.login_links import LoginLinks
from shortd.accounts.logins import Logins
from shortd.accounts.mailboxes import Mailboxes
from shortd.accounts.operators import Operators
from shortd.accounts.passkeys import Passkeys
from shortd.accounts.preferences import PreferencesKeeper
from shortd.accounts.second_factors import SecondFactors
from shortd.accounts.sign_ins import SignIns
from shortd.accounts.ways_in import WaysIn
from shortd.blocks import BlockHashes
from shortd.limits.services import LimitServices
from shortd.security.services import SecurityServices
from shortd.security.tickets import Tickets
from shortd.settings import Settings
from shortd.store import Store


@dataclass(frozen=True)
class AccountServices:
    """Accounts, and the ways to prove that one is meant."""

    accounts: Accounts
    logins: Logins
    mailboxes: Mailboxes
    api_keys: ApiKeys
    access_tokens: AccessTokens
    identities: Identities
    login_links: LoginLinks
    factors: SecondFactors
    passkeys: Passkeys
    preferences: PreferencesKeeper
    operators: Operators
    sign_ins: SignIns

    async def save_uses(self) -> None:
        """Writes when logins and keys were last used, as far as that is news."""
        await self.logins.uses.save()
        await self.api_keys.uses.save()


def open_accounts(
    store: Store,
    settings: Settings,
    security: SecurityServices,
    limits: LimitServices,
    hashes: BlockHashes,
    random: Random,
) -> AccountServices:
    """Wires them. `hashes` names clients on the disk."""
    clients = Clients(hashes, settings.clicks.ip)
    hasher, guessing, owners = security.hasher, security.guessing, limits.owners
    tickets, sign_ins, ways_in = Tickets(random), SignIns(), WaysIn(settings)
    factors = SecondFactors(store, settings, guessing, clients, random)
    logins = Logins(
        store,
        settings.limits,
        hasher,
        guessing,
        clients,
        factors,
        tickets,
        sign_ins,
        random,
        takes_passwords=settings.auth.password,
    )
    return AccountServices(
        accounts=Accounts(
            store, settings, hasher, owners, limits.holdings, clients, security.log, random
        ),
        logins=logins,
        mailboxes=Mailboxes(
            store,
            settings,
            hasher,
            guessing,
            limits.budgets,
            owners,
            clients,
            logins,
            sign_ins,
            random,
        ),
        api_keys=ApiKeys(store, guessing, random),
        access_tokens=AccessTokens(store, guessing, hashes, sign_ins, random),
        identities=Identities(store, owners, factors, ways_in, random),
        login_links=LoginLinks(store, random),
        factors=factors,
        passkeys=Passkeys(store, settings, guessing, factors, tickets, ways_in, random),
        preferences=PreferencesKeeper(store),
        operators=Operators(store),
        sign_ins=sign_ins,
    )
