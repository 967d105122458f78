"""Every setting, with its type, bounds and default, on one page.

The names are a contract with operators' files; `config.example.toml` says why each exists, and
a test holds the two together. These are plain values: nothing here reads a file, the
environment or the clock. `shortd.settings.config` fills them in and checks what a type cannot say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shortd.clock import DAY
from shortd.models.accounts import AccountType
from shortd.models.hosts import HostOptions

# Upper bounds keep later arithmetic inside 64 bits: balances are in millionths of a weight
# unit, times in µs.
Capacity = Annotated[int, Meta(ge=1, le=9_000_000_000_000)]
Rate = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
Bytes = Annotated[int, Meta(ge=0, le=2**62)]
Days = Annotated[float, Meta(gt=0, le=36_500)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

OneOrMore = Annotated[tuple[str, ...], Meta(min_length=1, extra={"or_one": True})]
"""A list, or its only item by itself."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[server]: where to listen, whom to believe, and what a connection may ask for."""

    host: OneOrMore = ("127.0.0.1",)
    """Addresses and names, `::` for all of both families; `unix:` and an absolute path."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8080
    """Of all of them but Unix sockets."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks that may set X-Forwarded-For/Proto; each is fit for `ipaddress.ip_network`."""
    cors_origins: tuple[str, ...] = ()
    """Of pages elsewhere that may call the APIs, as browsers name them; `*` alone is all."""
    fast_lane: bool = True
    metrics_from: tuple[str, ...] = ()
    """Networks that may read /-/metrics besides loopback; as `trusted_proxies`."""
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 60.0
    silent_seconds: Seconds = 30.0
    upload_bytes_per_second: Annotated[int, Meta(ge=0, le=MIB)] = KIB
    """Over each `body_seconds`."""
    keep_alive_seconds: Seconds = 75.0
    send_seconds: Seconds = 60.0
    stop_seconds: Seconds = 7.0
    head_bytes: Annotated[int, Meta(ge=KIB, le=GIB)] = 64 * KIB
    head_fields: Annotated[int, Meta(ge=16, le=100_000)] = 1000
    pipelined_requests: Annotated[int, Meta(ge=1, le=100_000)] = 16
    pipelined_bytes: Annotated[int, Meta(ge=1, le=GIB)] = 64 * KIB
    turn_requests: Annotated[int, Meta(ge=1, le=100_000)] = 32
    turn_bytes: Annotated[int, Meta(ge=1, le=GIB)] = 64 * KIB
    unsent_bytes: Annotated[int, Meta(ge=KIB, le=GIB)] = 256 * KIB
    buffer_bytes: Annotated[int, Meta(ge=MIB, le=2**40)] = 64 * MIB
    body_bytes: Annotated[int, Meta(ge=MIB, le=2**40)] = 48 * MIB
    client_body_bytes: Annotated[int, Meta(ge=KIB, le=GIB)] = 1 * MIB
    client_connections: Annotated[int, Meta(ge=1, le=2**31)] = 1000
    answer_bytes: Annotated[int, Meta(ge=MIB, le=2**40)] = 16 * MIB
    answers_bytes: Annotated[int, Meta(ge=MIB, le=2**40)] = 32 * MIB
    """Of all answers together that are larger than a connection may leave unsent."""
    spare_descriptors: Annotated[int, Meta(ge=1, le=100_000)] = 64


class StorageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[storage]: the database."""

    map_bytes: Annotated[int, Meta(ge=MIB, le=2**46)] = 64 * GIB if sys.maxsize > 2**32 else 1 * GIB
    """The most the database may grow to; address space, not disk or memory taken."""
    reserve_bytes: Annotated[int, Meta(ge=MIB, le=GIB)] = 16 * MIB
    """Beyond `map_bytes`, and on the disk, for what removes or counts something."""
    clock_jump_days: Days = 3.0
    """How far the clock may be from the last time seen and still be believed."""
    clock_proof_hours: Annotated[float, Meta(gt=0, le=87_600)] = 12.0
    """How long it has to go on evenly to be believed after all."""
    keep_old_schema_days: Days = 30.0
    """For how long the database from before an upgrade stays beside the new one."""
    require_mount: bool = False
    """Whether a data directory without data has to be a mount point."""


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[accounts]: who may have one."""

    signup: bool = True
    temporary: bool = True
    temporary_days: Days = 30.0
    temporary_client_bytes: Bytes = 32 * MIB
    """Of the database, for all temporary accounts of one address."""
    temporary_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Of the database and of the disk, for all temporary accounts."""


class IssuerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[auth.oidc.NAME]: an OpenID Connect issuer whose people may sign in here."""

    issuer: Annotated[str, Meta(min_length=1)]
    """As it calls itself, to the letter; https, or http on loopback."""
    client_id: Annotated[str, Meta(min_length=1, max_length=256)]
    client_secret: Annotated[str, Meta(max_length=1024)] = ""
    """Empty for a public client. Never log or show it."""
    name: Annotated[str, Meta(max_length=64)] = ""
    """On the button; empty for the table's own."""
    allow: tuple[str, ...] = ()
    """Each `group:NAME`, `domain:NAME` or `email:ADDRESS`; one that fits is enough. Empty is
    everybody whom the issuer lets in."""
    groups_claim: Annotated[str, Meta(min_length=1, max_length=128)] = "groups"
    create: bool = False
    """Whether who has no account gets one."""
    link_by_email: bool = False
    """Whether a verified address opens the account that has it."""


class IssuersSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.oidc]: a table for each issuer."""

    issuers: dict[str, IssuerSettings] = msgspec.field(default_factory=dict, name="*")
    """By their names here, in the order of their buttons."""


class ProxyAuthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.proxy]: a proxy that has asked people who they are, and names them in a header."""

    header: str = "Remote-User"
    email: str = "Remote-Email"
    """Empty for none: then nobody without an account gets one."""
    peers: tuple[str, ...] = msgspec.field(default=(), name="from")
    """Networks whose connections are believed; empty is off."""
    create: bool = False


class AuthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[auth]: by which ways people sign in on the pages."""

    password: bool = True
    auto: str = ""
    """The issuer that the sign-in leads straight to; empty for none."""
    second_factor: Literal["off", "operators", "all"] = "off"
    """Who has to have one beside a password."""
    oidc: IssuersSettings = msgspec.field(default_factory=IssuersSettings)
    proxy: ProxyAuthSettings = ProxyAuthSettings()


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
    titles_at_once: Annotated[int, Meta(ge=1, le=1000)] = 4
    titles_each: Annotated[int, Meta(ge=1, le=1000)] = 2
    """For one account."""
    title_seconds: Seconds = 3.0
    title_bytes: Annotated[int, Meta(ge=1024, le=64 * MIB)] = 512 * 1024
    """Of all that servers send for one title."""
    forward_query: bool = False
    """Whether visitors' queries go on to the destination, where a link says nothing of it."""
    robots: bool = False
    """Whether search engines may list what links answer, where a link says nothing of it."""


class ClickSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[clicks]: what is kept of a visit, and how soon it is safe."""

    ip: Literal["full", "truncated", "none"] = "full"
    visit_days: Annotated[int, Meta(ge=1, le=36_500)] = 90
    visits_per_link: Annotated[int, Meta(ge=0, le=2**32)] = 10_000
    sync_ms: Annotated[int, Meta(ge=1, le=60_000)] = 100
    journal_bytes: Annotated[int, Meta(ge=MIB, le=2**46)] = 256 * MIB
    """Journal that may wait to be drained before clicks keep nothing but their count."""
    sightings_per_link: Annotated[int, Meta(ge=0, le=2**32)] = 100_000
    """Visitors of a link that are known again; further ones count each time."""
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
    per_day: Annotated[int, Meta(ge=0, le=2**31)] = 1000
    """Mails of all kinds in 24 hours."""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[log]: what stands in the log, and how. Read anew at SIGHUP."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    """"auto" is text on a terminal, JSON anywhere else."""
    addresses: Literal["full", "truncated", "none"] = "full"
    """Of clients, in lines about sign-ins, sign-ups and refusals."""


class SqwishSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sqwish]: the sqwish API."""

    require_key: bool = True


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[web]: the pages."""

    home: Literal["open", "accounts"] = "open"
    """Who makes links on the home page: everybody, or who has signed in."""
    share: Literal["open", "key", "password"] = "open"
    """Who can open a shared file unless its sender chooses otherwise: whoever has the link; the
    same, with the file encrypted and its key in the link; whoever knows a password."""
    boxes: bool = True
    """Whether who has signed up may have boxes, into which others send files."""
    reports: bool = True
    """Whether visitors may report links to the operators."""
    language: str = "en"
    """For who asks for none of those that there are."""
    languages: str = ""
    """Folder of further catalogues; empty for none."""
    url: str = ""
    """Base URL of the pages; empty for `public_url`."""


class PluginSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins]. A table below it is the settings of the plugin of that name."""

    dir: str = ""
    """Folder of single-file plugins; empty for none."""
    disabled: tuple[str, ...] = ()
    settings: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict, name="*")
    """Raw tables by plugin name; `config.plugin_settings` makes them a plugin's own type."""


class HostsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[host]: a table for each short host that has its own ways."""

    options: dict[str, HostOptions] = msgspec.field(default_factory=dict, name="*")
    """By the names of hosts, as in their base URLs: "s.example.org", or with a port."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them; what `config.load` returns."""

    public_url: str = "http://127.0.0.1:8080"
    """Base URL of the default short host: scheme, host and port, and the path below which it is
    reached, if it has not all of the host; no trailing slash."""
    hosts: tuple[str, ...] = ()
    """Base URLs of further short hosts, no host twice and none `public_url`'s."""
    data_dir: Path = Path("shortd-data")
    """As given: relative to the folder the server was started in."""
    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    accounts: AccountSettings = AccountSettings()
    auth: AuthSettings = msgspec.field(default_factory=AuthSettings)
    limits: LimitSettings = LimitSettings()
    links: LinkSettings = LinkSettings()
    clicks: ClickSettings = ClickSettings()
    files: FileSettings = FileSettings()
    mail: MailSettings = MailSettings()
    log: LogSettings = LogSettings()
    sqwish: SqwishSettings = SqwishSettings()
    web: WebSettings = WebSettings()
    plugins: PluginSettings = msgspec.field(default_factory=PluginSettings)
    host: HostsSettings = msgspec.field(default_factory=HostsSettings)

    @property
    def pages_url(self) -> str:
        """Base URL of the pages for who makes links."""
        return self.web.url or self.public_url
