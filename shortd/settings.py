"""Every setting, with its type, bounds and default, on one page.

The names are a contract with operators' files; `config.example.toml` says why each exists, and
a test holds the two together. These are plain values: nothing here reads a file, the
environment or the clock. `shortd.config` fills them in and checks what a type cannot say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shortd.clock import DAY
from shortd.models import AccountType

# Upper bounds keep later arithmetic inside 64 bits: balances are in millionths of a weight
# unit, times in µs.
Capacity = Annotated[int, Meta(ge=1, le=9_000_000_000_000)]
Rate = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
Bytes = Annotated[int, Meta(ge=0, le=2**62)]
Days = Annotated[float, Meta(gt=0, le=36_500)]

MIB = 1 << 20
GIB = 1 << 30


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[server]: where to listen, and whom to believe."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8080
    trusted_proxies: tuple[str, ...] = ()
    """Networks that may set X-Forwarded-For/Proto; each is fit for `ipaddress.ip_network`."""
    fast_lane: bool = True
    metrics_from: tuple[str, ...] = ()
    """Networks that may read /-/metrics besides loopback; as `trusted_proxies`."""


class StorageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[storage]: the database."""

    map_bytes: Annotated[int, Meta(ge=MIB, le=2**46)] = 64 * GIB if sys.maxsize > 2**32 else 1 * GIB
    """The most the database may grow to; address space, not disk or memory taken."""


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[accounts]: who may have one."""

    signup: bool = True
    temporary: bool = True
    temporary_days: Days = 30.0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One section under [limits]. Capacities in weight units, rates in weight units a second.

    A rate of 0 never refills. The largest single calls (`urls`, `get_entries`) weigh 101000:
    a smaller capacity refuses them for good.
    """

    api_capacity: Capacity = 120_000
    api_refill_rate: Rate = 2_000
    link_capacity: Capacity = 129_600_000_000
    link_refill_rate: Rate = 50_000
    max_file_bytes: Bytes = 5 * GIB
    storage_bytes: Bytes = 50 * GIB
    token_days: Days = 30.0


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[limits]: a section for each account type, and one for whoever has no account."""

    registered: Limits = Limits()
    temporary: Limits = Limits(
        max_file_bytes=100 * MIB,
        storage_bytes=1 * GIB,
    )
    verified: Limits = Limits(
        api_capacity=240_000,
        api_refill_rate=4_000,
        link_capacity=259_200_000_000,
        link_refill_rate=100_000,
        max_file_bytes=10 * GIB,
        storage_bytes=200 * GIB,
    )
    custom: Limits = Limits(
        api_capacity=480_000,
        api_refill_rate=8_000,
        link_capacity=518_400_000_000,
        link_refill_rate=200_000,
        max_file_bytes=20 * GIB,
        storage_bytes=1_000 * GIB,
    )
    client: Limits = Limits()
    """Calls per client address, IPv6 by /64; and visits to all links that were made without an
    account, together. Nothing else means something here."""

    def of(self, account_type: AccountType) -> Limits:
        """The limits of an account of this type."""
        if account_type is AccountType.ANONYMOUS:
            return self.client
        limits: Limits = getattr(self, account_type)
        return limits

    def token_lifetime(self, account_type: AccountType) -> int:
        """µs for which a login of an account of this type lasts."""
        return round(self.of(account_type).token_days * DAY)


class LinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[links]: how a link answers."""

    redirect_status: Literal[301, 302, 303, 307, 308] = 302
    fetch_titles: bool = True
    forward_query: bool = False


class ClickSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[clicks]: what is kept of a visit, and how soon it is safe."""

    ip: Literal["full", "truncated", "none"] = "full"
    visit_days: Annotated[int, Meta(ge=1, le=36_500)] = 90
    visits_per_link: Annotated[int, Meta(ge=0, le=2**32)] = 10_000
    sync_ms: Annotated[int, Meta(ge=1, le=60_000)] = 100
    geoip_db: str = ""
    """Path of a MaxMind-format database; empty for none."""


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[files]: where bytes go."""

    min_free_bytes: Bytes = 256 * MIB
    """Uploads stop when the disk would have less than this left."""
    handover: Literal["", "x-accel-redirect", "x-sendfile"] = ""
    """The header by which a front proxy is told to send a file itself."""
    handover_prefix: str = "/shortd-files/"
    """What the proxy knows the folder `files/` of the data directory as."""


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[mail]: without `smtp_url` mail is written to the outbox folder."""

    smtp_url: str = ""
    """Carries the password of the mail account: never log or show it."""
    sender: str = msgspec.field(default="", name="from")


class SqwishSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sqwish]: the sqwish API."""

    require_key: bool = True


class PluginSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins]. A table below it is the settings of the plugin of that name."""

    dir: str = ""
    """Folder of single-file plugins; empty for none."""
    disabled: tuple[str, ...] = ()
    settings: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict, name="*")
    """Raw tables by plugin name; `config.plugin_settings` makes them a plugin's own type."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them; what `config.load` returns."""

    public_url: str = "http://127.0.0.1:8080"
    """Origin of the default short host: scheme, host and port, no trailing slash."""
    hosts: tuple[str, ...] = ()
    """Origins of further short hosts, none of them twice and none `public_url`'s."""
    data_dir: Path = Path("shortd-data")
    """As given: relative to the folder the server was started in."""
    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    accounts: AccountSettings = AccountSettings()
    limits: LimitSettings = LimitSettings()
    links: LinkSettings = LinkSettings()
    clicks: ClickSettings = ClickSettings()
    files: FileSettings = FileSettings()
    mail: MailSettings = MailSettings()
    sqwish: SqwishSettings = SqwishSettings()
    plugins: PluginSettings = msgspec.field(default_factory=PluginSettings)
