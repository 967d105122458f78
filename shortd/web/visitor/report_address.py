"""Where a link is reported, for the pages that visitors see of it."""

from __future__ import annotations

from urllib.parse import urlencode

from shortd.models.links import Link
from shortd.services import Services
from shortd.web.visitor.contents import REPORT_PATH


def report_address(services: Services, link: Link) -> str:
    """The address of the form; empty where reports are not wanted."""
    if not services.settings.web.reports:
        return ""
    return f"{REPORT_PATH}?{urlencode({'link': services.hosts.short_url(link)})}"
