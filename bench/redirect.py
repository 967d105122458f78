"""Redirects a second beside nginx `return 302` on the same core: `python -m bench.redirect`.

Every server runs all the time; they are loaded in turn, round after round, and each turn begins
when no server still counts clicks of an earlier one. The ratio of each round is taken against
nginx in that round, and the median of the ratios is what counts. So it does for the processor time
of the whole server, which includes counting the clicks of the turn. At the end the clicks that
shortd counted are compared with the answers that wrk got.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import httpx

from bench.load import Result, load, show
from bench.servers import Nginx, cpu_seconds, fill, fill_with_plugin, start_shortd
from tests.server_process import ServerProcess

SPLIT = {"variants": [{"url": "https://b.example/of/usual/length", "weight": 50}]}
PHONES = {"ios": "https://ios.example/of/usual/length"}
RULE = {
    "rules": [{"url": "https://de.example/of/usual/length", "conditions": {"language": ["de"]}}]
}
RULES = {
    "rules": [
        {"conditions": {"robot": True}},
        *(
            {"url": "https://rule.example/of/usual/length", "conditions": conditions}
            for conditions in (
                {"country": ["DE", "AT", "CH"]},
                {"system": ["ios"], "device": ["mobile"]},
                {"browser": ["firefox"], "language": ["de"]},
                {"time": {"zone": "Europe/Berlin", "from": "03:00", "to": "03:01"}},
                {"date": {"to": "2020-01-01"}},
                {"query": [{"key": "from", "value": "mail"}]},
                {"referrer": ["news.example"]},
                {"address": ["192.0.2.0/24", "2001:db8::/32"]},
                {"weight": 50},
            )
        ),
    ]
}
"""Of all kinds, of which a visitor meets the last or none."""
MISSING = [f"zzz{number:05d}" for number in range(1000)]


@click.command()
@click.option("--links", default=100_000, show_default=True, help="Links in the database.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=4, show_default=True, help="Length of one run of load.")
def main(links: int, rounds: int, seconds: int) -> None:
    """Measures redirects a second, with every click journalled and counted."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        nginx = Nginx()
        fast = start_shortd(directory / "fast")
        slow = start_shortd(directory / "slow", {"SHORTD_SERVER__FAST_LANE": "false"})
        try:
            fast_user, fast_codes = fill(fast, links)
            slow_user, slow_codes = fill(slow, links)
            _, split_codes = fill_with_plugin(fast, "ab", SPLIT)
            _, phone_codes = fill_with_plugin(fast, "mobile", PHONES)
            _, rule_codes = fill_with_plugin(fast, "rules", RULE)
            _, rules_codes = fill_with_plugin(fast, "rules", RULES)
            runs: dict[str, tuple[Nginx | ServerProcess, list[str]]] = {
                "nginx return 302": (nginx, fast_codes),
                "shortd": (fast, fast_codes),
                "shortd, links with ab": (fast, split_codes),
                "shortd, links with mobile": (fast, phone_codes),
                "shortd, links with a rule": (fast, rule_codes),
                "shortd, links with ten rules": (fast, rules_codes),
                "shortd, fast_lane = false": (slow, slow_codes),
                "shortd, 404": (fast, MISSING),
            }
            results: dict[str, list[Result]] = {title: [] for title in runs}
            for _ in range(rounds):
                for title, (server, codes) in runs.items():
                    paths = [f"/{code}" for code in codes]
                    before = cpu_seconds(server.pid)
                    run = load(server.url, paths, directory, seconds=seconds)
                    settle(fast)
                    settle(slow)
                    cpu_us = (cpu_seconds(server.pid) - before) / run.requests * 1e6
                    results[title].append(run._replace(cpu_us=cpu_us))
            show(results, "server", "nginx")
            verify(fast, fast_user, results["shortd"])
            verify(slow, slow_user, results["shortd, fast_lane = false"])
        finally:
            nginx.stop()
            fast.stop()
            slow.stop()


def settle(server: ServerProcess) -> None:
    """Waits until a server has counted its clicks: it would do so on its neighbours' core."""
    while httpx.get(f"{server.url}/-/health").json()["clicks"]["backlog"]:
        time.sleep(0.2)


def verify(server: ServerProcess, userid: str, runs: list[Result]) -> None:
    """Every answered redirect is counted; those in flight when wrk left may be too."""
    counted = 0
    start = 0
    while entries := server.call("get_entries", userid=userid, start=start, count=1000)["entries"]:
        counted += sum(entry["count"] for entry in entries)
        start += len(entries)
    answered = sum(run.requests for run in runs)
    in_flight = 64 * len(runs)
    verdict = "exact" if answered <= counted <= answered + in_flight else "WRONG"
    print(f"{server.data_dir.name}: {answered} answered, {counted} counted: {verdict}")


if __name__ == "__main__":
    main()
