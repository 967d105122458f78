"""The server's own addresses: robots.txt, favicon, assets, health."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from litestar import Response
from prometheus_client import CONTENT_TYPE_LATEST

from shortd import __version__, errors
from shortd.plugin_runtime.figures import states
from shortd.visitors.proxies import FORWARDING
from shortd.visitors.visitors import is_address, is_loopback
from shortd.web.answers import Answer, json_answer
from shortd.web.assets import Asset
from shortd.web.health import MAIL, faults
from shortd.web.render import pages_of, takes_gzip
from shortd.web.routing import AnyRequest, base_path_of, client_address, look, response, services_of

ROBOTS = (
    b"User-agent: *\n"
    b"Allow: /-/bundles/\n"
    b"Allow: /-/files/\n"
    b"Allow: /-/static/\n"
    b"Allow: /-/unlock\n"
    b"Disallow: /-/\n"
    b"Disallow: /v1/\n"
    b"Disallow: /v2/\n"
)
"""Robots may fetch codes and files, or they would neither show a card of them nor see that they are
not to be indexed (RFC 9309). What is allowed stands first, for robots that take the first line that
fits in place of the longest."""
_LOCAL = (".localhost", ".local", ".internal", ".home.arpa")
"""RFC 6761, RFC 6762, ICANN's resolution 2024.07.29.06, RFC 8375."""
_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_FOR_A_DAY = (b"cache-control", b"public, max-age=86400")


@look("/robots.txt")
async def robots(request: AnyRequest) -> Response[bytes]:
    """Robots ask for it at the root of a host alone; where the root is another's, it is there to be
    copied from."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), _FOR_A_DAY]
    base = base_path_of(request).encode()
    return response(Answer(200, headers, ROBOTS.replace(b": /", b": %b/" % base)))


@look("/favicon.ico")
async def favicon(request: AnyRequest) -> Response[bytes]:
    """For whatever looks for the icon without reading a page."""
    icon = pages_of(request).assets.named("favicon.ico")
    return _sent(request, icon, _FOR_A_DAY)


@look("/-/static/{name:str}")
async def static(request: AnyRequest) -> Response[bytes]:
    asset = pages_of(request).assets.served(request.path_params["name"])
    if asset is None:
        raise errors.NOT_FOUND()
    return _sent(request, asset, _FOR_EVER)


@look("/-/health")
async def health(request: AnyRequest) -> Response[bytes]:
    """200 once ready; `status` says "degraded" while there is a `fault` in any part: clicks cannot
    be made durable, there is no room, the clock is not believed, a plugin's hook is paused, a mail
    has waited for an hour.

    A plugin that is left out degrades nothing. `files` has what keeps
    unclaimed files from being deleted, or null. `mail` is for readers of the metrics alone: a
    mail that waits would tell a stranger that the account he named exists.
    """
    services = services_of(request)
    clicks, drain = services.clicks.clicks, services.clicks.drain
    found, sees_mail = faults(services), _may_look_inside(request)
    is_well = not any(fault for part, fault in found.items() if sees_mail or part != MAIL)
    mail = msgspec.to_builtins(services.mail.delivery.outbox.status())
    journal = clicks.journal.status()
    storage, files = services.store.status(), services.sharing.files.blobs.status()
    health = {
        "status": "ok" if is_well else "degraded",
        "version": __version__,
        "journal": journal,
        "clicks": {"backlog": clicks.backlog, "fault": drain.fault},
        "storage": storage,
        "files": {
            "complaint": services.upkeep.undertaker.complaint,
            "fault": files.fault,
            "refused": files.refused,
        },
        "clock": {"fault": services.timeline.fault},
        "mail": {**mail, "fault": found[MAIL]} if sees_mail else None,
        "plugins": {
            "fault": found["plugins"],
            "states": states(services.plugin_runtime.plugins),
            "events": {
                "waiting": services.plugin_runtime.events.waiting,
                "dropped": services.plugin_runtime.events.dropped,
            },
        },
    }
    return response(json_answer(health))


@look("/-/metrics")
async def metrics(request: AnyRequest) -> Response[bytes]:
    """For Prometheus. Answers loopback and `[server] metrics_from` alone."""
    if not _may_look_inside(request):
        raise errors.NOT_ALLOWED()
    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]
    return response(Answer(200, headers, services_of(request).metrics.text()))


def _may_look_inside(request: AnyRequest) -> bool:
    """Whether the client may read figures of the process: loopback, and networks that the settings
    name.
    """
    services = services_of(request)
    # A page of another site can have its own name lead here, but no address, nor a name that is
    # no one's on the internet, as those of containers and home networks are.
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if not (services.hosts.answers(host) or is_address(name) or _is_local(name)):
        return False
    address = client_address(services, request.scope)
    if is_loopback(address) and not FORWARDING.isdisjoint(dict(request.scope["headers"])):
        # Through a proxy that nobody told us to trust, loopback is the proxy, not who asks; and
        # what a header calls loopback is not this machine.
        return False
    return services.metrics.may_read(address)


def _is_local(name: str) -> bool:
    """Whether nobody can have a name on the internet: it has no dot, or is of a reserved domain."""
    return bool(name) and ("." not in name or name.endswith(_LOCAL))


def _sent(request: AnyRequest, asset: Asset, caching: tuple[bytes, bytes]) -> Response[bytes]:
    headers = [
        (b"content-type", asset.content_type.encode()),
        (b"etag", asset.etag.encode()),
        (b"x-content-type-options", b"nosniff"),
        caching,
    ]
    body = asset.body
    if asset.packed is not None:
        headers.append((b"vary", b"accept-encoding"))
        if takes_gzip(request):
            headers.append((b"content-encoding", b"gzip"))
            body = asset.packed
    return response(Answer(200, headers, body))


HANDLERS = (robots, favicon, static, health, metrics)
