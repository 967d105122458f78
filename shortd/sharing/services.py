"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from shortd.blocks import BlockHashes
from shortd.clicks.services import ClickServices
from shortd.files.blobs import Blobs
from shortd.limits.services import LimitServices
from shortd.links import Links
from shortd.security.guessing import Guessing
from shortd.security.secrets import secret
from shortd.security.signing import Signer
from shortd.settings import Settings
from shortd.sharing.addresses import FileAddresses
from shortd.sharing.boxes import Boxes
from shortd.sharing.continuations import Continuations
from shortd.sharing.files import Files
from shortd.sharing.incoming import Incoming
from shortd.sharing.unlocking import Unlocking
from shortd.store import Store
from shortd.visits import Visits


@dataclass(frozen=True)
class SharingServices:
    """Files as links."""

    files: Files
    boxes: Boxes
    incoming: Incoming
    addresses: FileAddresses
    unlocking: Unlocking
    continuations: Continuations


async def open_sharing(
    store: Store,
    settings: Settings,
    guessing: Guessing,
    limits: LimitServices,
    clicks: ClickServices,
    links: Links,
    visits: Visits,
    hashes: BlockHashes,
    random: Random,
) -> SharingServices:
    """Wires them."""
    blobs = Blobs(settings.data_dir / "files", reserve=settings.files.min_free_bytes)
    signer = Signer(await secret(store, "file_addresses"))
    addresses = FileAddresses(store, visits, signer)
    return SharingServices(
        files=Files(store, blobs, links, settings.limits, limits.holdings, random),
        boxes=Boxes(store, links, settings.limits, random, enabled=settings.web.boxes),
        incoming=Incoming(store, blobs, settings, limits.holdings, hashes, random),
        addresses=addresses,
        unlocking=Unlocking(visits, clicks, guessing, addresses),
        continuations=Continuations(visits, clicks.sightings, limits.budgets, limits.owners),
    )
