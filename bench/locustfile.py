"""A realistic mix for locust: visitors, people who make links, lists, uploads.

    python -m shortd serve --data /tmp/load &
    locust -f bench/locustfile.py --headless -u 50 -r 10 -t 60s -H http://127.0.0.1:8080

Most requests are visits, as they are on a real server. A failed request is one that was
answered with the wrong status; locust ends with 1 if there was any.
"""

from __future__ import annotations

import json
import random

from locust import HttpUser, between, task

BODY = bytes(range(256)) * 256


class Owner(HttpUser):
    """Somebody with an account, whose links others visit."""

    wait_time = between(0.05, 0.5)

    def on_start(self) -> None:
        self.userid = self._call("temporary_account")["userid"]
        urls = [f"https://example.com/{number}" for number in range(50)]
        entries = self._call("urls", userid=self.userid, urls=urls)["entries"]
        self.codes = [entry["shorturl"].rpartition("/")[2] for entry in entries]

    @task(100)
    def visit(self) -> None:
        self._visit(f"/{random.choice(self.codes)}", 302, "/<code>")

    @task(5)
    def visit_nothing(self) -> None:
        self._visit("/nothing", 404, "/<missing>")

    @task(2)
    def image(self) -> None:
        self._visit(f"/{random.choice(self.codes)}.svg", 200, "/<code>.svg")

    @task(6)
    def shorten(self) -> None:
        entry = self._call("url", userid=self.userid, url="https://example.com/new")["entry"]
        self.codes.append(entry["shorturl"].rpartition("/")[2])

    @task(3)
    def look(self) -> None:
        self._call("get_entries", userid=self.userid, count=20)

    @task(1)
    def share(self) -> None:
        query = {"userid": self.userid, "filename": "load.bin", "filesize": len(BODY)}
        files = {"query": (None, json.dumps(query)), "file": ("load.bin", BODY)}
        with self.client.post("/v2/file", files=files, catch_response=True) as response:
            if response.status_code not in (200, 429):
                response.failure(f"status {response.status_code}")

    def _visit(self, path: str, status: int, name: str) -> None:
        with self.client.get(
            path, name=name, allow_redirects=False, catch_response=True
        ) as response:
            if response.status_code == status:
                response.success()
            else:
                response.failure(f"status {response.status_code}")

    def _call(self, name: str, **inputs: object) -> dict[str, object]:
        response = self.client.post(f"/v2/{name}", json=inputs)
        return response.json()["output"]
