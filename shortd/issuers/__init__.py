"""OpenID Connect issuers: asked within bounds, and believed only in what they have signed.

faults      what may be wrong, what failed and what to change
asking      questions to issuers: so many bytes, so many seconds
exchange    one HTTP request, no redirect
documents   what an issuer publishes of itself: its addresses and its keys
id_tokens   what an ID token has to say before anybody is believed to be somebody
flows       sign-ins under way, in a cookie
issuers     one sign-in from the first address to the person

The libraries for it are an extra, and imported when an issuer is asked for the first time. It must
never decide whose account somebody gets; `accounts.identities` does.
"""

from __future__ import annotations

from shortd.issuers.faults import Fault
from shortd.issuers.flows import Flow, Flows, Purpose
from shortd.issuers.issuers import Issuer, Issuers, open_issuers
from shortd.issuers.people import Person

__all__ = ["Fault", "Flow", "Flows", "Issuer", "Issuers", "Person", "Purpose", "open_issuers"]
