#!/usr/bin/env python3
"""Writes a large YOURLS dump for speed and memory, always the same for the same numbers: make_big.py FILE [LINKS] [CLICKS] [SEED]

Defaults: 100000 links, 1000000 rows of the log. Beside it FILE.expected.json with the sums that an import must come to.
"""

import datetime as dt
import json
import random
import sys

path, links, clicks, seed = (
    sys.argv[1],
    int((sys.argv[2:] or [100_000])[0]),
    int((sys.argv[3:] or [1_000_000])[0]),
    int((sys.argv[4:] or [1])[0]),
)
rnd = random.Random(seed)
A = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def code(i):
    out = ""
    while True:
        i, r = divmod(i, 62)
        out = A[r] + out
        if not i:
            return out


def at(sec):
    return (dt.datetime(2015, 1, 1) + dt.timedelta(seconds=sec)).strftime("%Y-%m-%d %H:%M:%S")


def q(s):
    return "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'"


UA = (
    [
        "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0" % (v, v)
        for v in range(100, 128)
    ]
    + [
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.%d Mobile/15E148 Safari/604.1"
        % (v, v)
        for v in range(6)
    ]
    + ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0"]
)
REF, CC = ["direct", "https://news.example/", "https://t.co/x"], ["DE", "US", "FR", ""]
per = [0] * links
with open(path, "w") as f:
    f.write(
        "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n/*!40103 SET TIME_ZONE='+00:00' */;\nCREATE TABLE `yourls_log` (\n  `click_id` int(11) NOT NULL AUTO_INCREMENT,\n  `click_time` datetime NOT NULL,\n  `shorturl` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,\n  `referrer` varchar(200) NOT NULL,\n  `user_agent` varchar(255) NOT NULL,\n  `ip_address` varchar(41) NOT NULL,\n  `country_code` char(2) NOT NULL,\n  PRIMARY KEY (`click_id`)\n);\n"
    )
    for base in range(0, clicks, 5000):
        rows = []
        for i in range(base, min(base + 5000, clicks)):
            n = (
                min(int(rnd.paretovariate(0.6)) - 1, links - 1)
                if rnd.random() < 0.7
                else rnd.randrange(links)
            )
            per[n] += 1
            rows.append(
                f"({i + 1},'{at(10 * 365 * 86400 * i // clicks)}','{code(n)}','{rnd.choice(REF)}',{q(rnd.choice(UA))},'203.0.113.{i % 255}','{rnd.choice(CC)}')"
            )
        f.write("INSERT INTO `yourls_log` VALUES " + ",".join(rows) + ";\n")
    f.write(
        "CREATE TABLE `yourls_url` (\n  `keyword` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',\n  `url` text NOT NULL,\n  `title` text DEFAULT NULL,\n  `timestamp` timestamp NOT NULL DEFAULT current_timestamp(),\n  `ip` varchar(41) NOT NULL,\n  `clicks` int(10) unsigned NOT NULL,\n  PRIMARY KEY (`keyword`)\n);\n"
    )
    for base in range(0, links, 2000):
        values = []
        for n in range(base, min(base + 2000, links)):
            url, title = f"https://example.com/item/{n}?name=it's", f"Item {n} \u2013 \u00e4"
            values.append(
                f"('{code(n)}',{q(url)},{q(title)},'{at(n)}','192.0.2.1',{per[n] + n % 3})"
            )
        f.write("INSERT INTO `yourls_url` VALUES " + ",".join(values) + ";\n")
total = sum(per) + sum(n % 3 for n in range(links))
json.dump(
    {
        "format": "yourls-sql",
        "totals": {"links": links, "skipped": 0, "clicks": total, "dated_clicks": clicks},
        "some": [
            {
                "code": code(n),
                "url": f"https://example.com/item/{n}?name=it's",
                "clicks": per[n] + n % 3,
                "dated_clicks": per[n],
            }
            for n in (0, 1, 2, 61, 62, links - 1)
        ],
    },
    open(path + ".expected.json", "w"),
    indent=1,
)
