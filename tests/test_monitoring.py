"""Dashboard and alerts ask for figures that there are, with labels that these have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.server_process import ServerProcess

MONITORING = Path(__file__).parents[1] / "monitoring"
DOCUMENTS = sorted((Path(__file__).parents[1] / "docs").glob("[!p]*.md"))
"""But for those about plugins, where functions are named so."""
NAME = re.compile(r"\b(?:shortd|process)_[a-z_]+\b")
SELECTED = re.compile(r"\b((?:shortd|process)_[a-z_]+)\{([^}]*)\}")
BY = re.compile(r"by \(([a-z_, ]+)\) \([a-z_]+\(((?:shortd|process)_[a-z_]+)")
SMALL = {
    "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "8000",
    "SHORTD_LIMITS__TEMPORARY__API_REFILL_RATE": "1",
}
LATER = {"shortd_backup_last_success_timestamp_seconds", "shortd_import_rows_total"}
"""What there is once something was done."""
PACKAGES = {path.name for path in (Path(__file__).parents[1] / "plugins").glob("shortd_*")}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each figure, of a server that has done something of most kinds."""
    server = ServerProcess(tmp_path_factory.mktemp("server") / "data", SMALL)
    server.start()
    try:
        with httpx.Client(base_url=server.url) as client:

            def call(name: str, **given: str) -> Any:
                return client.post(f"/v2/{name}", json=given).json().get("output")

            userid = call("temporary_account")["userid"]
            url = call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
            client.get("/" + url.rpartition("/")[2])
            for _ in range(10):
                call("url", userid=userid, url="https://example.com/")
            text = client.get("/-/metrics").text
        server.stop()
    finally:
        server.kill()
    found: dict[str, set[str]] = {name: set() for name in LATER}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def dashboard() -> list[str]:
    panels = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def alerts() -> list[str]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_what_is_asked_for_is_there(figures: dict[str, set[str]], expression: str) -> None:
    assert set(NAME.findall(expression)) - figures.keys() == set()
    for name, labels in SELECTED.findall(expression):
        assert {part.partition("=")[0].rstrip("!") for part in labels.split(",")} <= figures[name]
    for labels, name in BY.findall(expression):
        used = {label.strip() for label in labels.split(",")}
        assert used <= figures[name] or name.startswith("shortd_plugin_"), name


def test_what_the_documents_name_is_there(figures: dict[str, set[str]]) -> None:
    texts = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    names = set(re.findall(r"`(shortd_[a-z_]+)(?:\{[^}]*\})?`", texts)) - PACKAGES
    families = {name.removesuffix("_bucket").removesuffix("_count") for name in figures}
    # A counter with labels has no sample before something was counted.
    families |= {f"{name}_total" for name in families}
    missing = {name for name in names if name not in figures and name not in families}
    assert missing == set()


def test_the_dashboard_asks_which_prometheus() -> None:
    board = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in board["__inputs"]] == ["DS_PROMETHEUS"]
    sources = {target["datasource"]["uid"] for p in board["panels"] for target in p["targets"]}
    assert sources == {"${DS_PROMETHEUS}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_alert_says_what_it_is_and_how_bad() -> None:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in groups[0]["rules"]:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
