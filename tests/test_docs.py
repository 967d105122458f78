"""The documents say what is so: sessions and recipes are run, tables compared with the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx
import pytest

import shortd.commands.cli  # noqa: F401 - names all formats
from shortd.api.reference.document import all_apis
from shortd.api.reference.documents import OF_DOCUMENT
from shortd.api.reference.operations import Api
from shortd.api.v2.registry import CALLS
from shortd.clicks.rollups import DIMENSIONS, PARTED
from shortd.commands.importing import OTHERS
from shortd.errors import CATALOGUE
from shortd.links.sheets import Result
from shortd.models.clicks import Visit
from shortd.moving import Reason
from shortd.moving.formats import FORMATS
from shortd.store import Store
from tests.conftest import GENEROUS
from tests.console import CUT, Drift, compare, read_session, run_session
from tests.documents import ROOT, anchors, block, prose, text_of
from tests.fronts import handover_block, nginx
from tests.kept_visits import kept_visits
from tests.server_process import ServerProcess, free_port
from tests.tools import needed

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
DEFAULT = "127.0.0.1:8080"
"""Where the documents' server listens."""


def rows(name: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = re.split(r"^## ", text_of(name), flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    table = re.findall(r"^\|(.*)\|$", text.partition("\n\n|")[2].partition("\n\n")[0], re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in table if "---" not in line]


def table(name: str, heading: str) -> list[list[str]]:
    """The same of a heading of any level."""
    text = text_of(name).partition(f"\n{heading}\n\n|")[2].partition("\n\n")[0]
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines if "---" not in line]


class TestReadme:
    @pytest.mark.parametrize(
        ("name", "calls"),
        [
            ("README.md", ("temporary_account", "url")),
            (
                "docs/session.md",
                ("temporary_account", "url", "get_entry", "signup", "login", "urls", "multi"),
            ),
        ],
    )
    def test_its_session_is_what_happens(
        self, tmp_path: Path, name: str, calls: tuple[str, ...]
    ) -> None:
        needed("curl")
        # With the settings that a new user has.
        server = ServerProcess(tmp_path / "data")
        steps = read_session(text_of(name))
        commands = [step.command for step in steps]
        for call in calls:
            assert any(f"/v2/{call} " in command for command in commands), call
        server.start()
        try:
            run_session(steps, tmp_path, {DEFAULT: f"127.0.0.1:{server.port}"})
        finally:
            server.stop()

    def test_its_count_of_calls_is_right(self) -> None:
        words = f"all {len(CALLS.keys() - OURS)} calls of the ww7 v2 API"
        assert words in " ".join(text_of("README.md").split())


class TestMovingIn:
    """docs/moving-in.md against what there is."""

    def test_all_formats_are_told(self) -> None:
        text = text_of("docs/moving-in.md").partition("## ")[0]
        told = set(re.findall(r"^\| \[.*?\| `(\w+)`", text, re.MULTILINE))
        assert told == {*FORMATS, *OTHERS}

    def test_all_reasons_are_told(self) -> None:
        text = text_of("docs/moving-in.md")
        text = text.partition("## What is reported")[2].partition("\n## ")[0]
        told = set(re.findall(r"`([a-z_]+)`", text))
        assert set(Reason) <= told
        assert told <= {*Reason, *CATALOGUE, *Result, "clicks_left_out"}


class TestSessions:
    RECORDED = (
        '{"userid":"hwlqf3q66HnXfbzhRghB7w25YvKz1sN7","utime":1795289576758956,"weight":1000}'
    )
    NOW = RECORDED.replace("hwlq", "Kwlq").replace("1795", "1799")

    def test_varying_values_are_bound(self) -> None:
        bound: dict[str, str] = {}
        compare(self.RECORDED, self.NOW, bound)
        name = "hwlqf3q66HnXfbzhRghB7w25YvKz1sN7"
        assert bound == {name: name.replace("hwlq", "Kwlq")}
        compare(self.RECORDED, self.NOW, bound)
        with pytest.raises(Drift):
            compare(self.RECORDED, self.RECORDED, bound)

    @pytest.mark.parametrize(
        ("recorded", "now"),
        [
            ("HTTP/1.1 302 Found\n", "HTTP/1.1 301 Moved\n"),
            ('{"count":1,"weight":1000}', '{"count":0,"weight":1000}'),
            (RECORDED, NOW.replace("1000", "2000")),
            (RECORDED, NOW.replace("1sN7", "1s")),
            ('{"a":1}', '{"a":1,"b":2}'),
            (f'{{"a":1,{CUT}"z":26}}', '{"a":1,"z":25}'),
            ("http://127.0.0.1:8080/dxe3uX", "http://127.0.0.1:8080/dxe3uXy"),
        ],
    )
    def test_drift_is_noticed(self, recorded: str, now: str) -> None:
        with pytest.raises(Drift):
            compare(recorded, now, {})

    def test_what_is_cut_may_be_anything(self) -> None:
        compare(f'{{"a":1,{CUT}"z":26}}', '{"a":1,"b":{},"z":26}', {})
        compare(f'{{"a":1,{CUT}"z":26}}', '{"a":1,"z":26}', {})

    def test_continued_commands_and_output_are_read(self) -> None:
        document = "x\n```console\n$ one -d '\n>   two'\nout\n\nput\n$ me=1\n```\n$ no\n"
        assert read_session(document) == [("one -d '\n  two'", "out\n\nput\n"), ("me=1", "")]


OURS = CALLS.keys() - OF_DOCUMENT[Api.V2]
"""Calls that no document has."""


def test_the_examples_of_the_api_are_what_happens(tmp_path: Path) -> None:
    needed("curl")
    server = ServerProcess(tmp_path / "data")
    steps = read_session(text_of("docs/api.md"))
    server.start()
    try:
        made = server.call("signup", email="a@nowhere.example", password="ab" * 32)
        who = {"userid": made["userid"], "token": made["token"]}
        key = server.call("create_api_key", **who, name="x")["api_key"]
        replace = {
            DEFAULT: f"127.0.0.1:{server.port}",
            "FeJr3QgHeHe9D0kAxBBBo9lBidVhrRaU": who["userid"],
            "8hSdMgDzTDXNW0Texqbq7JDcH5hOE0Z4": who["token"],
            "4u2lqk0c8s7wz1m5e9x3b6vtdyh8ranf": key,
        }
        run_session(steps, tmp_path, replace)
    finally:
        server.stop()
    assert len(steps) > 10


class TestApi:
    def test_every_call_is_listed_with_its_weight(self) -> None:
        listed = {name.strip("`"): weight for name, weight, _ in rows("docs/api.md", "Calls")}
        assert listed == {
            call.name: f"{call.weight} {call.weight_note}".strip() for call in CALLS.values()
        }

    def test_all_calls_of_the_documents_are_there(self) -> None:
        """Every call of every API is told to be of its document or ours."""
        told = {
            title: tuple(set(re.findall(r"`([^`]+)`", cell)) for cell in cells)
            for title, *cells in table("docs/api.md", "### Calls and their documents")
        }
        numbers = [
            re.findall(r"^(\d+):", cell)
            for _, *cells in table("docs/api.md", "### Calls and their documents")
            for cell in cells
        ]
        apis = all_apis("http://127.0.0.1:8080")
        assert told == {
            api.api.called: tuple(
                {one.name for one in api.operations if one.is_ours is ours}
                for ours in (False, True)
            )
            for api in apis
        }
        assert numbers == [
            [str(len(names))] if names else [] for pair in told.values() for names in pair
        ]
        # So many do the documents have.
        assert [len(theirs) for theirs, _ in told.values()] == [26, 21, 3, 0]

    def test_every_error_is_listed(self) -> None:
        listed = [
            (code.strip("`"), int(status), message)
            for code, status, message in rows("docs/api.md", "Errors")
        ]
        assert listed == [(kind.code, kind.status, kind.message) for kind in CATALOGUE.values()]

    def test_the_text_names_only_errors_that_exist(self) -> None:
        named = set()
        for document in DOCUMENTS:
            named |= set(re.findall(r"`([a-z]+_[a-z]+)`", document.read_text(encoding="utf-8")))
        kinds = {"_full", "_taken", "_limited", "_call"}
        errors = {name for name in named if any(name.endswith(kind) for kind in kinds)}
        assert errors
        assert errors <= set(CATALOGUE)


def test_every_dimension_of_statistics_is_listed() -> None:
    listed = [
        (name.strip("`"), parts) for name, _, parts in rows("docs/statistics.md", "Dimensions")
    ]
    assert sorted(name for name, _ in listed) == sorted(DIMENSIONS)
    assert {name for name, parts in listed if parts} == PARTED


@pytest.mark.parametrize("name", NAMES)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(name)):
        if "://" in target:
            continue
        there = (ROOT / name).parent / target if target else ROOT / name
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(str(there.resolve().relative_to(ROOT))), f"{target}#{anchor}"


def test_settings_that_the_documents_name_exist() -> None:
    example = text_of("config.example.toml")
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for section, name in re.findall(r"`\[([\w.]+)\](?: (\w+))?", text):
            if section.startswith("plugins."):
                # Each plugin's own.
                continue
            assert re.search(rf"^\[{re.escape(section)}(\]|\.)", example, re.MULTILINE), section
            assert not name or f"\n#{name} = " in example, name


def test_every_section_of_the_settings_is_listed() -> None:
    top = text_of("docs/configuring.md").partition("## ")[0]
    listed = set(re.findall(r"^\| `\[(\w+)\]`", top, re.MULTILINE))
    sections = re.findall(r"^\[(\w+)[\].]", text_of("config.example.toml"), re.MULTILINE)
    assert listed == set(sections)


def test_variables_that_the_documents_name_are_settings() -> None:
    example = text_of("config.example.toml")
    for name in NAMES:
        for section, key in re.findall(r"\bSHORTD_([A-Z]+)__([A-Z_]+[A-Z])\b", text_of(name)):
            if section not in ("HOST", "PLUGINS", "SECTION") and "__" not in key:
                part = example.partition(f"\n[{section.lower()}")[2]
                setting = key.removesuffix("_FILE").lower()
                assert f"\n#{setting} = " in part, f"{name}: {section} {key}"


class TestOperations:
    def test_the_hot_backup_starts_with_every_click_and_file(
        self, tmp_path: Path, server: ServerProcess
    ) -> None:
        assert server.data_dir == tmp_path / "data"
        (tmp_path / "shortd-data").symlink_to("data")
        userid = server.call("temporary_account")["userid"]
        entry = server.call("url", userid=userid, url="https://example.com/")["entry"]
        for _ in range(20):
            assert httpx.get(entry["shorturl"]).status_code == 302
        query = {"userid": userid, "filename": "note.txt", "filesize": 5}
        form = httpx.post(
            f"{server.url}/v2/file", data={"query": json.dumps(query)}, files={"file": b"Hello"}
        )
        file_path = form.json()["output"]["entry"]["shorturl"].removeprefix(server.url)
        for command in ("shortd backup", "shortd restore /"):
            recipe = block("docs/operations.md", "sh", command)
            recipe = recipe.replace("/var/backups/shortd", str(tmp_path / "backups"))
            recipe = recipe.replace("/var/lib/shortd", str(tmp_path / "restored"))
            recipe = recipe.replace("shortd ", f"{sys.executable} -m shortd ", 1)
            subprocess.run(["bash", "-euc", recipe], cwd=tmp_path, check=True, capture_output=True)
        copy = ServerProcess(tmp_path / "restored", GENEROUS, port=free_port())
        copy.start()
        try:
            shorturl = entry["shorturl"].replace(str(server.port), str(copy.port))
            restored = copy.call("get_entry", userid=userid, shorturl=shorturl)["entry"]
            file = httpx.get(copy.url + file_path, follow_redirects=True)
        finally:
            copy.stop()
        assert restored == {**entry, "shorturl": shorturl, "count": 20}
        assert file.content == b"Hello"

    @pytest.mark.parametrize("way", ["port", "socket"])
    def test_nginx_passes_host_and_address(self, tmp_path: Path, way: str) -> None:
        front, back = free_port(), free_port()
        path = f"unix:{tmp_path}/http.sock"
        name, other = f"s.example.org:{front}", f"other.example:{front}"
        settings = tmp_path / "config.toml"
        toml = block("docs/proxies.md", "toml", "s.example.org")
        settings.write_text(toml.replace("https://s.example.org", f"http://{name}"))
        site = block("docs/proxies.md", "nginx", "upstream shortd").replace(
            DEFAULT, f"127.0.0.1:{back}" if way == "port" else path
        )
        site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{front};")
        site = re.sub(r"ssl_certificate.*", "", site)
        site = site.replace("/var/log/nginx", str(tmp_path))
        environ = {
            "SHORTD_CONFIG": str(settings),
            "SHORTD_HOSTS": f"http://{other}",
            "SHORTD_SERVER__HOST": f"127.0.0.1,{path}",
        }
        server = ServerProcess(tmp_path / "data", environ, port=back)
        server.start()
        # A visitor who is not on the proxy's own address, and lies about his.
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        lie = {"x-forwarded-for": "203.0.113.9"}
        try:
            with nginx(site, tmp_path), httpx.Client(transport=transport, headers=lie) as client:
                base = f"http://127.0.0.1:{front}"
                userid = server.call("temporary_account")["userid"]
                inputs = {"userid": userid, "url": "https://example.com/", "host": other}
                answer = client.post(f"{base}/v2/url", json=inputs, headers={"host": name})
                shorturl = answer.json()["output"]["entry"]["shorturl"]
                assert shorturl.startswith(f"http://{other}/")
                path = shorturl.rpartition("/")[2]
                statuses = [
                    client.get(f"{base}/{path}", headers={"host": host}).status_code
                    for host in (name, other)
                ]
                assert statuses == [404, 302]
                secret = "key-that-nobody-is-to-see"
                came_from = {"referer": f"{base}/stats.xml?api_key={secret}"}
                client.get(f"{base}/stats.json?api_key={secret}&code=x", headers=came_from)
        finally:
            server.stop()
        logged = (tmp_path / "shortd.log").read_text()
        assert '"GET /stats.json" 401' in logged
        assert secret not in logged
        assert [visit.address for visit in stored_visits(server.data_dir)] == ["127.0.0.2"]

    def test_nginx_sends_files_and_keeps_them_harmless(self, tmp_path: Path) -> None:
        front, back = free_port(), free_port()
        handed = handover_block(tmp_path / "data")
        site = (
            f"server {{ listen 127.0.0.1:{front}; {handed}"
            f"location / {{ proxy_pass http://127.0.0.1:{back}; }} }}"
        )
        environ = {"SHORTD_FILES__HANDOVER": "x-accel-redirect"}
        server = ServerProcess(tmp_path / "data", environ, port=back)
        server.start()
        try:
            userid = server.call("temporary_account")["userid"]
            content = b"<script>alert(1)</script>"
            query = {
                "userid": userid,
                "filename": "page.html",
                "filesize": len(content),
                "filetype": "text/html",
            }
            form: dict[str, tuple[str | None, bytes]] = {
                "query": (None, json.dumps(query).encode()),
                "file": ("page.html", content),
            }
            entry = httpx.post(f"{server.url}/v2/file", files=form).json()["output"]["entry"]
            location = httpx.get(entry["shorturl"]).headers["location"]
            direct = httpx.get(server.url + location)
            assert (direct.content, "x-accel-redirect" in direct.headers) == (b"", True)
            with nginx(site, tmp_path):
                file = httpx.get(f"http://127.0.0.1:{front}{location}")
                blob = httpx.get(f"http://127.0.0.1:{front}{direct.headers['x-accel-redirect']}")
        finally:
            server.stop()
        assert (file.status_code, file.content) == (200, content)
        assert blob.status_code == 404, "nobody asks for a blob by himself"
        assert file.headers["content-disposition"].startswith("attachment;")
        for name in (
            *("content-security-policy", "x-content-type-options", "referrer-policy"),
            *("x-robots-tag", "etag"),
        ):
            assert file.headers[name] == direct.headers[name]


def stored_visits(data_dir: Path) -> list[Visit]:
    """All visits a stopped server has kept."""
    store = Store(data_dir)
    try:
        with store.read() as txn:
            return kept_visits(txn)
    finally:
        store.close()


@cache
def nodes() -> list[ast.AST]:
    """The calls and texts of all code."""
    kinds = ast.Call | ast.JoinedStr | ast.Constant
    files = (ROOT / "shortd").rglob("*.py")
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)]


TROUBLE = ("warning", "error", "exception", "critical")


def events() -> set[str]:
    """What the log may say of trouble, as far as it stands in the code word for word."""
    found = set()
    for node in nodes():
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("log"), attr=level),
                args=[ast.Constant(str(event)), *_],
            ) if level in TROUBLE:
                found.add(event)
    return found


def test_troubleshooting_tells_of_every_line_about_trouble() -> None:
    told = set(re.findall(r"`([^`]+)`", prose("docs/troubleshooting.md")))
    found = events()
    assert len(found) > 30
    assert found - told == set()


OF_OTHERS = {
    *("Address already in use", "Cannot assign requested address", "Permission denied"),
    *("No such option", "No such command", "Error connecting to"),
}
"""What the system and libraries say."""


def sentences() -> str:
    """All texts in the code, one a line, with "…" for what is put in."""
    found = []
    for node in nodes():
        match node:
            case ast.JoinedStr(values=parts):
                texts = (
                    str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts
                )
                found.append("".join(texts))
            case ast.Constant(value=str(text)):
                found.append(text)
    return "\n".join(found)


def test_lines_in_troubleshooting_are_those_that_are_said() -> None:
    said = sentences().replace("`", "")
    rows = re.findall(r"^\| (.*?) \|", prose("docs/troubleshooting.md"), re.MULTILINE)
    for line in re.findall(r"`([^`]+)`", " ".join(rows)):
        for piece in re.split(r"…|: ", line):
            piece = piece.strip(" .,:;()")
            if " " in piece and piece not in OF_OTHERS:
                assert piece in said, line
