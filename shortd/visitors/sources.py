"""Where visitors come from, by a name: a network's for the hosts it uses, else the host.

The table holds what people would look for under a name, and grows by a line when something is
missing. Search engines and networks that use a domain in every country go by patterns.
"""

from __future__ import annotations

import re
from functools import lru_cache

DIRECT = "Direct"
"""No referrer: typed in, from an app, or from a page that does not tell."""
OTHER = "Other"
SOURCE_LENGTH = 64
"""Characters of a host. Longer ones go under "Other": hardly any page has one."""

_HOSTS = {
    "baidu.com": "Baidu",
    "bing.com": "Bing",
    "bsky.app": "Bluesky",
    "go.bsky.app": "Bluesky",
    "com.discord": "Discord",
    "discord.com": "Discord",
    "discordapp.com": "Discord",
    "duckduckgo.com": "DuckDuckGo",
    "ecosia.org": "Ecosia",
    "com.facebook.katana": "Facebook",
    "com.facebook.lite": "Facebook",
    "com.facebook.orca": "Messenger",
    "facebook.com": "Facebook",
    "fb.com": "Facebook",
    "fb.me": "Facebook",
    "messenger.com": "Messenger",
    "github.com": "GitHub",
    "com.google.android.gm": "Gmail",
    "mail.google.com": "Gmail",
    "com.google.android.googlequicksearchbox": "Google",
    "news.ycombinator.com": "Hacker News",
    "com.instagram.android": "Instagram",
    "instagram.com": "Instagram",
    "com.linkedin.android": "LinkedIn",
    "linkedin.com": "LinkedIn",
    "lnkd.in": "LinkedIn",
    "com.microsoft.office.outlook": "Outlook",
    "outlook.cloud.microsoft": "Outlook",
    "outlook.cn": "Outlook",
    "outlook.com": "Outlook",
    "outlook.live.com": "Outlook",
    "outlook.office.com": "Outlook",
    "outlook.office365.com": "Outlook",
    "outlook.office365.us": "Outlook",
    "safelinks.protection.office365.us": "Outlook",
    "com.pinterest": "Pinterest",
    "pin.it": "Pinterest",
    "com.reddit.frontpage": "Reddit",
    "redd.it": "Reddit",
    "reddit.com": "Reddit",
    "com.slack": "Slack",
    "slack.com": "Slack",
    "com.snapchat.android": "Snapchat",
    "snapchat.com": "Snapchat",
    "com.microsoft.teams": "Microsoft Teams",
    "teams.cdn.office.net": "Microsoft Teams",
    "teams.cloud.microsoft": "Microsoft Teams",
    "teams.live.com": "Microsoft Teams",
    "teams.microsoft.com": "Microsoft Teams",
    "teams.microsoft.us": "Microsoft Teams",
    "org.telegram.messenger": "Telegram",
    "org.telegram.messenger.web": "Telegram",
    "t.me": "Telegram",
    "telegram.org": "Telegram",
    "threads.com": "Threads",
    "threads.net": "Threads",
    "com.zhiliaoapp.musically": "TikTok",
    "tiktok.com": "TikTok",
    "tumblr.com": "Tumblr",
    "com.twitter.android": "Twitter/X",
    "t.co": "Twitter/X",
    "twitter.com": "Twitter/X",
    "x.com": "Twitter/X",
    "vk.com": "VK",
    "vk.ru": "VK",
    "wa.me": "WhatsApp",
    "whatsapp.com": "WhatsApp",
    "com.whatsapp": "WhatsApp",
    "weibo.com": "Weibo",
    "wikipedia.org": "Wikipedia",
    "xing.com": "XING",
    "ya.ru": "Yandex",
    "com.google.android.youtube": "YouTube",
    "youtu.be": "YouTube",
    "youtube.com": "YouTube",
}
"""By domain, subdomains included; of several that fit, the longest counts. An Android app's
referrer has its package in place of a host. Outlook's and Teams' pages that check a link before
they lead on go by the name of whom they check it for: links in mails come from
`REGION.safelinks.protection.outlook.com`, those in chats from `statics.teams.cdn.office.net`."""

_SUFFIX = re.compile(r"[^.]+|(?:ac|com?|edu|gob|gouv?|gov|net?|nom|org?)\.[a-z]{2}")
"""What stands behind a domain's own name: "com", "co.uk"."""
_COUNTRY = r"(?:com|net|[a-z]{2}|(?:com?|org)\.[a-z]{2})"
_PATTERNS = tuple(
    (re.compile(rf"(?:.+\.)?{name.lower()}\.{_COUNTRY}"), name)
    for name in ("Google", "Pinterest", "Yahoo", "Yandex")
)
_HOST = re.compile(r"[a-z0-9._:-]+", re.ASCII)


def site_of(host: str) -> str:
    """The site that a host of a URL belongs to: `www.` and the root's dot make no difference."""
    host = host.rstrip(".")
    site = host.removeprefix("www.")
    # Of "www.com" and "www.co.uk" it is the name.
    return host if _SUFFIX.fullmatch(site) else site


@lru_cache(maxsize=2048)
def source_of(host: str) -> str:
    """The source that a referrer's host stands for (`visitors.referrer_host`)."""
    if host == DIRECT:
        return DIRECT
    if len(host) > SOURCE_LENGTH or not _HOST.fullmatch(host):
        return OTHER
    domain = host
    while domain:
        if domain in _HOSTS:
            return _HOSTS[domain]
        domain = domain.partition(".")[2]
    return next((name for pattern, name in _PATTERNS if pattern.fullmatch(host)), host)
