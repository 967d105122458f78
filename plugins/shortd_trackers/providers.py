"""The providers that can be told of a visit, each by its form for visitors without script.

No provider's script ever runs on a short link's page: its container or tag is whatever the link's
owner made of it, and the page's origin is the one where accounts are managed. All on this page is
public: anybody who follows a link can read the ids.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from msgspec import Struct


class Name(StrEnum):
    """What a provider goes by in settings and in a link's data."""

    FACEBOOK = "facebook"
    GOOGLE_ANALYTICS = "google_analytics"
    QUORA = "quora"
    TWITTER = "twitter"
    GOOGLE_TAG_MANAGER = "google_tag_manager"
    LINKEDIN = "linkedin"
    GOOGLE_ADS = "google_ads"
    PINTEREST = "pinterest"
    SEGMENT = "segment"


class Form(NamedTuple):
    """One kind of a provider's ids, and the addresses that tell the provider of a visit."""

    pattern: re.Pattern[str]
    """The whole id. A group is the part of it that stands in the addresses."""
    urls: tuple[str, ...]
    """`{id}`; `{page}`: the short URL; `{visitor}`: an id that nobody ever has again."""


class Provider(Struct, frozen=True):
    """How a provider is told."""

    title: str
    """As visitors and owners are shown it."""
    example: str
    """What its ids look like, for somebody who got one wrong."""
    forms: tuple[Form, ...]
    origins: tuple[str, ...]
    """Where the addresses lead, redirects included."""
    is_frame: bool = False
    """The addresses are those of pages, not of images."""

    def urls(self, id: str) -> tuple[str, ...] | None:
        """The addresses for an id, to be filled by `fill`; None if it is no id of this provider."""
        for pattern, urls in self.forms:
            match = pattern.fullmatch(id)
            if match:
                part = match[pattern.groups]
                return tuple(url.replace("{id}", part) for url in urls)
        return None


def fill(url: str, page: str, visitor: str) -> str:
    """An address as it is sent."""
    return url.replace("{page}", quote(page, safe="")).replace("{visitor}", visitor)


def _form(pattern: str, *urls: str) -> Form:
    return Form(re.compile(pattern, re.ASCII), urls)


PROVIDERS = {
    # developers.facebook.com/docs/meta-pixel/get-started, base code: its <noscript>.
    Name.FACEBOOK: Provider(
        "Facebook",
        "121145523322155",
        (_form("[0-9]{5,20}", "https://www.facebook.com/tr?id={id}&ev=PageView&noscript=1"),),
        ("https://www.facebook.com",),
    ),
    # GA4 has no documented form without script (its Measurement Protocol wants a secret): this is
    # what its tag sends. UA-…: developers.google.com/analytics/devguides/collection/protocol/v1;
    # Google takes these since July 2024 and does nothing with them, but the v1 document has them.
    Name.GOOGLE_ANALYTICS: Provider(
        "Google Analytics",
        "G-AB12CD34EF",
        (
            _form(
                "G-[A-Z0-9]{4,16}",
                "https://www.google-analytics.com/g/collect"
                "?v=2&tid={id}&cid={visitor}&en=page_view&dl={page}",
            ),
            _form(
                "UA-[0-9]{4,12}(?:-[0-9]{1,4})?",
                "https://www.google-analytics.com/collect"
                "?v=1&t=pageview&tid={id}&cid={visitor}&dl={page}",
            ),
        ),
        ("https://www.google-analytics.com",),
    ),
    # The code that Quora's Ads Manager gives out for a pixel: its <noscript>.
    Name.QUORA: Provider(
        "Quora",
        "04cef90e73704e779a9e42d0a779889f",
        (_form("[0-9a-f]{32}", "https://q.quora.com/_/ad/{id}/pixel?tag=ViewContent&noscript=1"),),
        ("https://q.quora.com",),
    ),
    # The <noscript> of the former single event tag, which had an image on either domain. Today's
    # (business.x.com/en/help/campaign-measurement-and-analytics/conversion-tracking-for-websites)
    # has none, and asks for the same address by script.
    Name.TWITTER: Provider(
        "X (Twitter)",
        "o1abc",
        (
            _form(
                "[a-z0-9]{3,10}",
                "https://analytics.twitter.com/i/adsct"
                "?txn_id={id}&p_id=Twitter&tw_sale_amount=0&tw_order_quantity=0",
                "https://t.co/i/adsct"
                "?txn_id={id}&p_id=Twitter&tw_sale_amount=0&tw_order_quantity=0",
            ),
        ),
        ("https://analytics.twitter.com", "https://t.co"),
    ),
    # developers.google.com/tag-platform/tag-manager/web, installation: its <noscript>. The v1
    # document has an id without its prefix.
    Name.GOOGLE_TAG_MANAGER: Provider(
        "Google Tag Manager",
        "GTM-AB12CD3",
        (
            _form(
                "(?:GTM-)?([A-Z0-9]{4,12})", "https://www.googletagmanager.com/ns.html?id=GTM-{id}"
            ),
        ),
        ("https://www.googletagmanager.com",),
        is_frame=True,
    ),
    # www.linkedin.com/help/lms/answer/a418880, Insight Tag: its <noscript>. Redirects by way of
    # linkedin.com, where its cookie is.
    Name.LINKEDIN: Provider(
        "LinkedIn",
        "4661356",
        (_form("[0-9]{3,12}", "https://px.ads.linkedin.com/collect/?pid={id}&fmt=gif"),),
        (
            "https://px.ads.linkedin.com",
            "https://px4.ads.linkedin.com",
            "https://www.linkedin.com",
        ),
    ),
    # The <noscript> of the former remarketing tag; today's has none, and asks for the same address
    # by script. Redirects to google.com, from there to Google's domain in the visitor's country,
    # which is not followed.
    Name.GOOGLE_ADS: Provider(
        "Google Ads",
        "AW-1066203895",
        (
            _form(
                "AW-([0-9]{6,12})",
                "https://googleads.g.doubleclick.net/pagead/viewthroughconversion/{id}/"
                "?guid=ON&script=0",
            ),
        ),
        ("https://googleads.g.doubleclick.net", "https://www.google.com"),
    ),
    # developers.pinterest.com/docs/api-features/pinterest-tag, base code: its <noscript>.
    Name.PINTEREST: Provider(
        "Pinterest",
        "2612695586321",
        (_form("[0-9]{10,20}", "https://ct.pinterest.com/v3/?event=init&tid={id}&noscript=1"),),
        ("https://ct.pinterest.com",),
    ),
    # www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/pixel-tracking-api
    Name.SEGMENT: Provider(
        "Segment",
        "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD",
        (
            _form(
                "[A-Za-z0-9]{10,64}",
                "https://api.segment.io/v1/pixel/page"
                "?writeKey={id}&anonymousId={visitor}&properties.url={page}",
            ),
        ),
        ("https://api.segment.io",),
    ),
}
"""In the order of the Shorten World v1 document ("Get tracker list")."""
