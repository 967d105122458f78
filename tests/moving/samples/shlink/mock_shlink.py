#!/usr/bin/env python3
"""Serves a shlink-rest.json as Shlink's REST API v3 would (read-only part, loopback only), to try `shortd import shlink http://127.0.0.1:PORT --api-key-file FILE`.

mock_shlink.py FILE [PORT]     prints the address; PORT 0 or none: any free one. Ends with SIGTERM or after an hour.
"""

from __future__ import annotations

import json
import math
import pathlib
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

DATA = json.loads(pathlib.Path(sys.argv[1]).read_text())
DEFAULT = next(d["domain"] for d in DATA["domains"] if d["isDefault"])


def page(items, query, most):
    size = int(query.get("itemsPerPage", [most])[0])
    number = int(query.get("page", [1])[0])
    if size < 1:
        size = max(1, len(items))
    pages = max(1, math.ceil(len(items) / size))
    shown = items[(number - 1) * size : number * size]
    return {
        "data": shown,
        "pagination": {
            "currentPage": number,
            "pagesCount": pages,
            "itemsPerPage": size,
            "itemsInCurrentPage": len(shown),
            "totalItems": len(items),
        },
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def send(self, status, body):
        # PHP's encoder: ASCII, and < > & ' " as escapes too
        text = json.dumps(body, ensure_ascii=True)
        raw = text.encode()
        self.send_response(status)
        self.send_header(
            "Content-Type", "application/json" if status < 400 else "application/problem+json"
        )
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def problem(self, status, kind, detail):
        self.send(
            status,
            {
                "type": f"https://shlink.io/api/error/{kind}",
                "title": kind,
                "detail": detail,
                "status": status,
            },
        )

    def do_GET(self):
        parts = urlsplit(self.path)
        q = parse_qs(parts.query, keep_blank_values=True)
        path = unquote(parts.path)
        if path == "/rest/health" or re.fullmatch(r"/rest/v\d/health", path):
            return self.send(200, {"status": "pass", "version": "5.1.5", "links": {}})
        if self.headers.get("X-Api-Key") != DATA["key"]:
            return self.problem(
                401, "invalid-api-key", "Provided API key does not exist or is invalid."
            )
        m = re.fullmatch(r"/rest/v[123](/.*)", path)
        if not m:
            return self.problem(404, "not-found", "Not found")
        rest, domain = m[1], q.get("domain", [""])[0] or None
        if domain == DEFAULT:
            domain = None
        same = lambda e: e["domain"] == domain
        if rest == "/short-urls":
            return self.send(200, {"shortUrls": page(DATA["shortUrls"], q, 10)})
        if rest == "/visits":
            n = sum(len(e["data"]) for e in DATA["visits"])
            o = len(DATA["orphanVisits"])
            return self.send(
                200,
                {
                    "visits": {
                        "nonOrphanVisits": {"total": n, "nonBots": n, "bots": 0},
                        "orphanVisits": {"total": o, "nonBots": 0, "bots": o},
                    }
                },
            )
        if rest == "/visits/orphan":
            return self.send(200, {"visits": page(DATA["orphanVisits"], q, 10**9)})
        if rest == "/domains":
            return self.send(
                200,
                {
                    "domains": {
                        "data": [
                            {
                                **d,
                                "redirects": {
                                    "baseUrlRedirect": None,
                                    "regular404Redirect": None,
                                    "invalidShortUrlRedirect": None,
                                },
                            }
                            for d in DATA["domains"]
                        ],
                        "defaultRedirects": {
                            "baseUrlRedirect": None,
                            "regular404Redirect": None,
                            "invalidShortUrlRedirect": None,
                        },
                    }
                },
            )
        for tail, key in (("/visits", "visits"), ("/redirect-rules", "redirectRules")):
            if m := re.fullmatch(r"/short-urls/(.+)" + tail, rest):
                known = [e for e in DATA["shortUrls"] if e["shortCode"] == m[1] and same(e)]
                if not known:
                    return self.problem(
                        404, "short-url-not-found", f'No URL found with short code "{m[1]}"'
                    )
                found = [e for e in DATA[key] if e["shortCode"] == m[1] and same(e)]
                if key == "visits":
                    return self.send(
                        200, {"visits": page(found[0]["data"] if found else [], q, 10**9)}
                    )
                return self.send(
                    200,
                    {
                        "defaultLongUrl": known[0]["longUrl"],
                        "redirectRules": found[0]["redirectRules"] if found else [],
                    },
                )
        if m := re.fullmatch(r"/short-urls/(.+)", rest):
            known = [e for e in DATA["shortUrls"] if e["shortCode"] == m[1] and same(e)]
            return (
                self.send(200, known[0])
                if known
                else self.problem(404, "short-url-not-found", "No URL found")
            )
        self.problem(404, "not-found", "Not found")


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
signal.signal(signal.SIGALRM, lambda *_: sys.exit(0))
signal.alarm(3600)
server.serve_forever()
