"""What may be wrong with a sign-in by an issuer: what failed, and what is to be changed.

Each fault has a name, which stands in the log as well. `detail` says what exactly was found, in
English, for who looks after the server; it must never hold a token, a code or a secret.
"""

from __future__ import annotations

import msgspec

from shortd.errors import Sentence

DETAIL_LENGTH = 300


class FaultKind(msgspec.Struct, frozen=True):
    """One thing that can be wrong."""

    name: str
    said: Sentence
    change: Sentence
    status: int = 403
    """Of the page that says so."""

    def __call__(self, detail: str = "") -> Fault:
        return Fault(self, detail)


class Fault(Exception):
    """A sign-in that came to nothing."""

    def __init__(self, kind: FaultKind, detail: str = "") -> None:
        super().__init__(f"{kind.name}: {detail}")
        self.kind = kind
        self.detail = "".join(c if c.isprintable() else " " for c in detail)[:DETAIL_LENGTH]


# The issuer is asked

UNREACHABLE = FaultKind(
    "unreachable",
    Sentence("The issuer cannot be reached."),
    Sentence(
        "Look whether it runs, and whether this server finds its name and trusts its certificate."
    ),
    502,
)
SLOW = FaultKind(
    "slow",
    Sentence("The issuer took too long to answer."),
    Sentence("Look whether it runs, and try again."),
    504,
)
TOO_LARGE = FaultKind(
    "too_large",
    Sentence("The issuer sent more than anybody needs to sign in."),
    Sentence("Look whether the issuer's address is that of an OpenID Connect issuer."),
    502,
)
ANSWER = FaultKind(
    "answer",
    Sentence("The issuer answered something that is no answer to this."),
    Sentence("Look whether the issuer's address is that of an OpenID Connect issuer."),
    502,
)
DISCOVERY = FaultKind(
    "discovery",
    Sentence("What the issuer says of itself does not fit its settings here."),
    Sentence(
        "Write its address as it calls itself, to the letter, with or without the last slash."
    ),
    502,
)

# The browser comes back

STATE = FaultKind(
    "state",
    Sentence("This sign-in was not begun in this browser, or more than ten minutes ago."),
    Sentence(
        "Begin again, at the address that links have here, and let the browser keep cookies for it."
    ),
)
DENIED = FaultKind(
    "denied",
    Sentence("The issuer says no."),
    Sentence(
        "Ask the person who runs it. Its settings for this server need the callback address below."
    ),
)
EXCHANGE = FaultKind(
    "exchange",
    Sentence("The issuer does not take the code that it has just given."),
    Sentence(
        "Compare client_id and client_secret with its settings, and the callback address. A code"
        " is good once, and for a moment."
    ),
)

# What it says

MALFORMED = FaultKind(
    "malformed",
    Sentence("The issuer sent no ID token that can be read."),
    Sentence("Look whether it is set up for OpenID Connect, with the scope openid."),
)
ALGORITHM = FaultKind(
    "algorithm",
    Sentence("The ID token is signed in a way that proves nothing here."),
    Sentence(
        "Let the issuer sign with a key of its own, such as RS256 or ES256: not HS256 or none."
    ),
)
KEYS = FaultKind(
    "keys",
    Sentence("The ID token is signed with a key that the issuer does not publish."),
    Sentence("Look whether its keys were changed, and try again in a minute."),
)
SIGNATURE = FaultKind(
    "signature",
    Sentence("The signature of the ID token is wrong."),
    Sentence(
        "Somebody may have changed it on the way. Look whether the issuer's keys are its own."
    ),
)
ISSUER = FaultKind(
    "issuer",
    Sentence("The ID token is another issuer's."),
    Sentence("Write the issuer's address as it calls itself, to the letter."),
)
AUDIENCE = FaultKind(
    "audience",
    Sentence("The ID token is meant for another audience."),
    Sentence("Compare client_id with the issuer's settings."),
)
CLOCK = FaultKind(
    "clock",
    Sentence("The ID token is of another time: it has expired, or its time is still to come."),
    Sentence("Compare the clock of this server with the issuer's."),
)
NONCE = FaultKind(
    "nonce",
    Sentence("The ID token belongs to another sign-in."),
    Sentence(
        "Begin again. If that does not help, the issuer leaves out the nonce, which it must not."
    ),
)
CLAIM = FaultKind(
    "claim",
    Sentence("The issuer does not say all that is needed."),
    Sentence("Let it send this claim, in the ID token or with the scopes that are asked for."),
)
SUBJECT = FaultKind(
    "subject",
    Sentence("The issuer speaks of two different people."),
    Sentence("Begin again. If that does not help, look at what its userinfo address answers."),
)
NOT_AGAIN = FaultKind(
    "not_again",
    Sentence("The issuer did not ask again who you are, or does not say when it did."),
    Sentence(
        "It has to heed max_age and to send auth_time. Otherwise the person who runs this server"
        " can make a link that signs you in."
    ),
)

# Whose account that is

NOT_ADMITTED = FaultKind(
    "not_admitted",
    Sentence("You are not among those who may sign in here."),
    Sentence("Ask the person who runs this server: the list is the setting allow of this issuer."),
)
NO_ACCOUNT = FaultKind(
    "no_account",
    Sentence("You have no account here, and signing in does not make one."),
    Sentence(
        "If you have one, sign in to it another way and link it on the page of your account. If"
        " not, ask the person who runs this server."
    ),
)
ADDRESS_TAKEN = FaultKind(
    "address_taken",
    Sentence("There is an account with your e-mail address, and it is not linked to this."),
    Sentence("Sign in to it another way, and link it on the page of your account."),
)
ADDRESS_UNVERIFIED = FaultKind(
    "address_unverified",
    Sentence(
        "There is an account with your e-mail address, and the issuer does not say that the"
        " address is verified."
    ),
    Sentence("Have it verified there, or sign in to the account another way and link it."),
)
LINKED_ELSEWHERE = FaultKind(
    "linked_elsewhere",
    Sentence("This is linked to another account already."),
    Sentence("Sign in by it, unlink it there, and come back."),
)
SOMEBODY_ELSE = FaultKind(
    "somebody_else",
    Sentence("The issuer knows you as somebody else than this account does."),
    Sentence("Sign out at the issuer, and begin again as yourself."),
)
SIGNED_OUT = FaultKind(
    "signed_out",
    Sentence("You are not signed in to the account any more that this was begun for."),
    Sentence("Sign in, and begin again."),
)
SIGNED_IN = FaultKind(
    "signed_in",
    Sentence("You are signed in to another account here."),
    Sentence("Sign out first, and begin again."),
)
TOO_MANY = FaultKind(
    "too_many",
    Sentence("No more can be linked to this account."),
    Sentence("Unlink one on the page of your account."),
)
LOCKED = FaultKind(
    "locked",
    Sentence("This account is locked."),
    Sentence("Ask the person who runs this server."),
)

KINDS = tuple(kind for kind in globals().values() if isinstance(kind, FaultKind))
