"""Dumps of YOURLS and tables of links, written for a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

HEAD = "/*!40103 SET TIME_ZONE='+00:00' */;\n"
URLS = (
    "CREATE TABLE `yourls_url` (`keyword` varchar(100) NOT NULL, `url` text NOT NULL,"
    " `title` text, `timestamp` timestamp NOT NULL, `ip` varchar(41) NOT NULL,"
    " `clicks` int(10) unsigned NOT NULL, PRIMARY KEY (`keyword`));\n"
)
LOG = (
    "CREATE TABLE `yourls_log` (`click_id` int NOT NULL, `click_time` datetime NOT NULL,"
    " `shorturl` varchar(100) NOT NULL, `referrer` varchar(200) NOT NULL,"
    " `user_agent` varchar(255) NOT NULL, `ip_address` varchar(41) NOT NULL,"
    " `country_code` char(2) NOT NULL, PRIMARY KEY (`click_id`));\n"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def yourls(
    file: Path, links: Iterable[tuple[str, str, str, int]], clicks: Sequence[tuple[str, str, str]]
) -> Path:
    """Links by code, URL, time and counter; clicks by code, time and country."""
    rows = [
        f"('{code}','{url}','A title','{time}','192.0.2.1',{count})"
        for code, url, time, count in links
    ]
    log = [
        f"({number},'{time}','{code}','https://news.example/a?b','{FIREFOX}','198.51.100.77','{cc}')"
        for number, (code, time, cc) in enumerate(clicks, 1)
    ]
    text = HEAD + URLS + f"INSERT INTO `yourls_url` VALUES {','.join(rows)};\n" + LOG
    if log:
        text += f"INSERT INTO `yourls_log` VALUES {','.join(log)};\n"
    file.write_text(text)
    return file
