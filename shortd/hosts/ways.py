"""Where hosts may send their visitors: as links may lead, and never round in a circle.

Operators may name pages of this server as well, which answer by themselves; a team may not, as with
its links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import ada_url
from msgspec import structs

from shortd import errors
from shortd.hosts.base_paths import path_of
from shortd.hosts.destinations import OwnHosts, host_key, is_below, parse_destination
from shortd.hosts.hosts import name_of
from shortd.models.hosts import DEFAULTS, PLACES, HostOptions
from shortd.settings.dotted import dotted

_PAGES = "/-/"


def option_problems(options: Mapping[str, HostOptions], base_urls: Sequence[str]) -> Iterator[str]:
    """What is wrong with the addresses of these options, by hosts' names: a line for each, which
    begins with the setting's name. `base_urls` are those of all short hosts.
    """
    paths = {name_of(url): path_of(url) for url in base_urls}
    for name, own in options.items():
        for place in PLACES:
            if not (address := getattr(own, place)):
                continue
            setting = dotted(dotted("host", name), place)
            try:
                location = parse_destination(address, ()).location
            except errors.ShortdError as refusal:
                yield f"{setting}: {refusal.message}"
                continue
            url = ada_url.URL(location)
            here = next((one for one in paths if is_same(one, url.host, options)), None)
            if here is None or not is_below(paths[here], location):
                continue
            base = paths[here]
            path = url.pathname.removeprefix(base) or "/"
            if path.startswith(_PAGES):
                continue
            if path != "/" or options.get(here, DEFAULTS).root:
                yield (
                    f"{setting}: leads back to {here}, where visitors may come round in a circle;"
                    f" expected an address elsewhere, or of a page there, such as {base}/-/home"
                    + (" (or www = false)" if host_key(here) != host_key(url.host) else "")
                )


def is_same(name: str, host: str, options: Mapping[str, HostOptions]) -> bool:
    """Whether a URL's host is the host of ours that has this name, "www." apart."""
    ours, theirs = host_key(name), host_key(host)
    if ours == theirs:
        return True
    alike = ours[0].removeprefix("www.") == theirs[0].removeprefix("www.") and ours[0] != theirs[0]
    return alike and options.get(name, DEFAULTS).www


def checked(options: HostOptions, name: str, own_hosts: OwnHosts) -> HostOptions:
    """Options for a team's domain of this name, with their addresses as they are kept.

    Raises INVALID_URL, URL_LOOPS or DESTINATION_BLOCKED, naming the option.
    """
    found = {}
    for place in PLACES:
        found[place] = ""
        if address := getattr(options, place).strip():
            destination = parse_destination(address, own_hosts, field=place)
            found[place] = destination.url
            if is_same(name, ada_url.URL(destination.location).host, {name: options}):
                raise errors.URL_LOOPS(field=place)
    return structs.replace(options, **found)
