"""The providers that v1's `tracker/list` names, under the ids that its document shows."""

from __future__ import annotations

import msgspec


class Provider(msgspec.Struct, frozen=True):
    """A provider of trackers."""

    id: str
    """The document's; clients may have it written down."""
    name: str
    """As the plugin `trackers` has it."""
    title: str


PROVIDERS = (
    Provider("635a1844172e000047005862", "facebook", "Facebook Pixel"),
    Provider("635a184a172e000047005863", "google_analytics", "Google Analytics Pixel"),
    Provider("635a185e172e000047005864", "quora", "Quora Pixel"),
    Provider("635a1863172e000047005865", "twitter", "Twitter Pixel"),
    Provider("635a1869172e000047005866", "google_tag_manager", "Google Tag Manager Pixel"),
    Provider("635a186f172e000047005867", "linkedin", "Linkedin Pixel"),
    Provider("635a1875172e000047005868", "google_ads", "Google Adwords Pixel"),
    Provider("635a188d172e000047005869", "pinterest", "Pinterest Pixel"),
    Provider("635a1892172e00004700586a", "segment", "Segment Pixel"),
)
"""In the order of the document."""

BY_ID = {provider.id: provider for provider in PROVIDERS}
BY_NAME = {provider.name: provider for provider in PROVIDERS}
