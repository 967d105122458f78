"""The page that shares files: its form without scripts, and what its script asks for."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.clock import DAY
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer

TEXT = b"Sales went up.\r\n--x" * 40


def multipart(
    fields: dict[str, str], file: tuple[str, bytes] | None = ("a.txt", TEXT)
) -> httpx.Request:
    files: list[Any] = []
    if file is not None:
        files.append(("file", (*file, "text/plain")))
    files += [(name, (None, value)) for name, value in fields.items()]
    return httpx.Request("POST", "http://x/", files=files)


def share(surfer: Surfer, file: tuple[str, bytes] | None = ("a.txt", TEXT), **fields: str) -> Any:
    form = multipart({"way": "open", **fields}, file)
    kind = form.headers["content-type"]
    size = form.headers["content-length"]
    headers = {"content-type": kind, "content-length": size}
    return surfer.send("/-/share", content=form.read(), headers=headers)


def entries(surfer: Surfer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = surfer.call("get_entries", count=10)["entries"]
    return found


def content_of(surfer: Surfer, short_url: str) -> bytes:
    visit = surfer.get(short_url)
    assert visit.status_code == 302
    return surfer.get(visit.headers["location"]).content


class TestPlainForm:
    def test_a_file_gets_a_link(self, surfer: Surfer) -> None:
        shown = surfer.follow(share(surfer))
        [entry] = entries(surfer)
        assert html.escape(entry["shorturl"]) in shown.text
        assert content_of(surfer, entry["shorturl"]) == TEXT
        assert entry["url"] == "a.txt"

    def test_terms_stand_behind_the_file(self, ann: Surfer) -> None:
        now = ann.app.clock.now()
        answer = share(ann, ends="7d", downloads="3", ending="spring_report-26")
        assert answer.status_code == 303
        [entry] = entries(ann)
        assert entry["shorturl"].endswith("/spring_report-26")
        assert entry["expiration_count"] == 3
        assert entry["expiration_utime"] == now + 7 * DAY

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"way": "key"}, "Nothing can be encrypted here"),
            ({"way": "password"}, "Nothing can be encrypted here"),
            ({"ends": "2y"}, "Choose one of these."),
            ({"downloads": "0"}, "At least 1."),
            ({"downloads": "many"}, "Write a whole number."),
            ({"ending": "a b"}, "Endings are made of"),
            ({"host": "evil.example"}, "Choose one of these."),
        ],
    )
    def test_what_cannot_be_is_said_at_its_field(
        self, ann: Surfer, fields: dict[str, str], words: str
    ) -> None:
        answer = share(ann, ("a.txt", TEXT), **fields)
        assert answer.status_code == 422
        assert words in answer.text
        assert entries(ann) == []
        assert left_on_disk(ann.app) == []

    def test_an_ending_is_never_taken_from_another_file(self, ann: Surfer) -> None:
        share(ann, ending="mine")
        answer = share(ann, ("b.txt", b"other"), ending="mine")
        assert answer.status_code == 422
        assert "“mine” is taken. Free are" in answer.text
        [entry] = entries(ann)
        assert entry["url"] == "a.txt"

    def test_no_file_is_no_file(self, ann: Surfer) -> None:
        for file in (None, ("", b"")):
            assert "Choose a file." in share(ann, file).text

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("Übersicht ☃.txt", "Übersicht ☃.txt"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("a\u202egnp.exe", "a_gnp.exe"),
            ("..", "file"),
        ],
    )
    def test_names_are_made_harmless(self, ann: Surfer, name: str, kept: str) -> None:
        share(ann, (name, b"x"))
        [entry] = entries(ann)
        assert entry["url"] == kept

    @pytest.mark.parametrize("body", [b"", b"--x\r\n", b"file=a", b"--x--\r\n"])
    def test_other_bodies_are_refused(self, ann: Surfer, body: bytes) -> None:
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain"):
            answer = ann.send("/-/share", content=body, headers={"content-type": kind})
            assert answer.status_code == 422, (kind, answer.text)

    def test_a_foreign_page_shares_nothing(self, ann: Surfer) -> None:
        form = multipart({"way": "open"})
        answer = ann.send(
            "/-/share",
            content=form.read(),
            origin="https://evil.example",
            headers={"content-type": form.headers["content-type"]},
        )
        assert answer.status_code == 403
        assert entries(ann) == []


def left_on_disk(app: RunningApp) -> list[Path]:
    folder = app.services.settings.data_dir / "files"
    return [path for path in folder.rglob("*") if path.is_file()]


SMALL = {"SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": "1000"} | {
    "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": "1500"
}


def test_what_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS | SMALL) as app:
        surfer = Surfer(app)
        assert share(surfer, ("a", bytes(1001))).status_code == 422
        assert share(surfer, ("a", bytes(200_000))).status_code == 422
        assert left_on_disk(app) == []
        assert share(surfer, ("small", bytes(1000))).status_code == 303
        full = share(surfer, ("a", bytes(900)))
        assert full.status_code == 422
        # What takes the most, with its link.
        assert "Little room is left" in full.text
        assert ">small<" in full.text


def test_where_accounts_alone_make_links_strangers_share_nothing(tmp_path: Path) -> None:
    environ = GENEROUS | {"SHORTD_WEB__HOME": "accounts"}
    with open_app(tmp_path / "data", environ=environ) as app:
        surfer = Surfer(app)
        for answer in (surfer.get("/-/share"), share(surfer), _asked(surfer)):
            assert answer.headers["location"].startswith("/-/login")
        surfer.sign_up()
        assert share(surfer).status_code == 303


def _asked(surfer: Surfer) -> httpx.Response:
    """What the page's script asks before it sends anything."""
    return surfer.send("/-/share/begin", {}, accept="application/json")


@pytest.mark.parametrize("way", ["open", "key", "password"])
def test_the_operator_chooses_how_it_starts(tmp_path: Path, way: str) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS | {"SHORTD_WEB__SHARE": way}) as app:
        assert f'data-start="{way}"' in Surfer(app).get("/-/share").text


class TestForScripts:
    def test_an_upload_becomes_a_file(self, surfer: Surfer) -> None:
        assert surfer.send("/-/share/begin", {"ends": "", "downloads": ""}).json() == {}
        filekey = begun(surfer)
        form = {"filekey": filekey, "ends": "1d", "downloads": "2", "ending": "my-file"}
        made = surfer.send("/-/share/finish", form).json()
        assert made["short_url"] == f"{surfer.own}/my-file"
        assert made["downloads"] == 2
        assert content_of(surfer, made["short_url"]) == TEXT
        # An answer that was lost can be asked for again.
        assert surfer.send("/-/share/finish", form).json() == made

    def test_what_cannot_be_is_said_before_a_byte_is_sent(self, ann: Surfer) -> None:
        ann.send("/-/share", None)
        share(ann, ending="mine")
        for form, field in (
            ({"ending": "mine"}, "ending"),
            ({"ending": "é"}, "ending"),
            ({"downloads": "-1"}, "downloads"),
            ({"ends": "soon"}, "ends"),
        ):
            answer = ann.send("/-/share/begin", form)
            assert answer.status_code == 422
            assert answer.json()["field"] == field
            assert answer.json()["message"]

    def test_what_is_wrong_leaves_the_parts(self, ann: Surfer) -> None:
        filekey = begun(ann, TEXT[1:])
        answer = ann.send("/-/share/finish", {"filekey": filekey})
        assert answer.json()["code"] == "bad_file"
        upload_part(ann, filekey, TEXT)
        assert ann.send("/-/share/finish", {"filekey": filekey}).status_code == 200

    def test_cancelling_frees_the_parts(self, ann: Surfer) -> None:
        filekey = begun(ann)
        assert ann.send("/-/share/cancel", {"filekey": filekey}).status_code == 200
        for path in ("finish", "cancel"):
            answer = ann.send(f"/-/share/{path}", {"filekey": filekey})
            assert answer.json()["code"] == "upload_not_found"

    def test_what_is_somebody_elses_stays(self, ann: Surfer) -> None:
        filekey = begun(ann)
        bob = Surfer(ann.app)
        bob.sign_up("bob")
        for path in ("finish", "cancel"):
            answer = bob.send(f"/-/share/{path}", {"filekey": filekey})
            assert answer.json()["code"] == "upload_not_found"
        assert ann.send("/-/share/finish", {"filekey": filekey}).status_code == 200

    @pytest.mark.parametrize("filekey", ["", "a", "0" * 33, "../" * 11])
    def test_no_key_of_a_file(self, ann: Surfer, filekey: str) -> None:
        for path in ("finish", "cancel"):
            answer = ann.send(f"/-/share/{path}", {"filekey": filekey})
            assert answer.status_code == 422
            assert answer.json()["field"] == "filekey"

    def test_half_a_proof_is_none(self, ann: Surfer) -> None:
        filekey = begun(ann)
        for form in ({"challenge": "0" * 32}, {"signature": "0" * 88}, {"challenge": "xyz"}):
            answer = ann.send("/-/share/finish", {"filekey": filekey, **form})
            assert answer.status_code == 422, form


def begun(surfer: Surfer, part: bytes = TEXT) -> str:
    inputs = {"filename": "a.txt", "filesize": len(TEXT), "filetype": "text/plain"}
    answer = surfer.send(
        "/v2/file_part_initialize", content=json.dumps(inputs), headers={"shortd-page": "1"}
    )
    filekey: str = answer.json()["output"]["filekey"]
    upload_part(surfer, filekey, part)
    return filekey


def upload_part(surfer: Surfer, filekey: str, part: bytes) -> None:
    query = json.dumps({"filekey": filekey, "partnumber": 0, "partsize": len(part)})
    form = httpx.Request(
        "POST", "http://x/", files=[("query", (None, query)), ("part", ("part", part))]
    )
    kind = {"content-type": form.headers["content-type"], "shortd-page": "1"}
    answer = surfer.send("/v2/file_part_upload", content=form.read(), headers=kind)
    assert answer.json()["status"] == "success", answer.text


def share_several(surfer: Surfer, *names: str, **fields: str) -> Any:
    files: list[Any] = [("file", (name, name.encode(), "text/plain")) for name in names]
    files += [(name, (None, value)) for name, value in {"way": "open", **fields}.items()]
    form = httpx.Request("POST", "http://x/", files=files)
    headers = {name: form.headers[name] for name in ("content-type", "content-length")}
    return surfer.send("/-/share", content=form.read(), headers=headers)


class TestSeveralFiles:
    def test_one_link_for_all(self, surfer: Surfer) -> None:
        shown = surfer.follow(share_several(surfer, "a.txt", "b.txt", "A.txt"))
        [entry] = entries(surfer)
        assert html.escape(entry["shorturl"]) in shown.text
        assert (entry["url"], entry["files"]) == ("a.txt and 2 more", 3)
        address = surfer.get(entry["shorturl"]).headers["location"]
        told = surfer.get(address, accept="application/json").json()
        assert [one["path"] for one in told["entries"]] == ["a.txt", "b.txt", "A (2).txt"]
        assert [surfer.get(one["url"]).content for one in told["entries"]] == [
            *(b"a.txt", b"b.txt", b"A.txt")
        ]

    def test_a_link_for_each(self, surfer: Surfer) -> None:
        shown = surfer.follow(share_several(surfer, "a.txt", "b.txt", together="several"))
        found = entries(surfer)
        assert {entry["url"] for entry in found} == {"a.txt", "b.txt"}
        for entry in found:
            assert html.escape(entry["shorturl"]) in shown.text
            assert content_of(surfer, entry["shorturl"]) == entry["url"].encode()

    def test_an_ending_is_one_links(self, ann: Surfer) -> None:
        answer = share_several(ann, "a", "b", together="several", ending="spring_report")
        assert answer.status_code == 422
        assert "An own ending is for one link alone." in html.unescape(answer.text)
        assert entries(ann) == []
        assert share_several(ann, "a", "b", ending="spring_report").status_code == 303

    def test_too_many_are_refused(self, ann: Surfer) -> None:
        answer = share_several(ann, *map(str, range(101)))
        assert answer.status_code == 422
        assert "100 files" in answer.text
        assert entries(ann) == []

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ("[]", "invalid_field"),
            ("{", "bad_form"),
            ('[{"path": "a"}]', "bad_form"),
            ('[{"path": "a", "size": 4}]', "bad_file"),
        ],
    )
    def test_what_a_script_tells_wrong(self, ann: Surfer, told: str, code: str) -> None:
        filekey = begun(ann)
        refused = ann.send("/-/share/finish", {"filekey": filekey, "entries": told})
        assert refused.json()["code"] == code
        fine = json.dumps([{"path": "x/a", "size": len(TEXT), "utime": 7}])
        made = ann.send("/-/share/finish", {"filekey": filekey, "entries": fine})
        assert made.status_code == 200
        assert entries(ann)[0]["files"] == 1
