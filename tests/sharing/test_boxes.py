"""The life of a box: made, sent to, read by its owner, limited, closed, deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shortd.client.crypto import FileKey
from shortd.clock import DAY, SECOND
from shortd.files.boxes import give_box
from shortd.files.frames import BOUND_FRAME_BYTES
from shortd.files.manifests import stored_bytes
from shortd.sharing.incoming import OPEN_OF_CLIENT, OPEN_UPLOADS, PART_BYTES
from shortd.store.schema import LINKS, LINKS_BY_ID, UPLOADS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.conftest import GENEROUS
from tests.sharing.boxes import (
    Sender,
    coded,
    create,
    derived,
    listed,
    opened_label,
    point,
    refusal,
    state,
)
from tests.sharing.sharing import assert_nothing_kept, assert_sound, bury, on_disk
from tests.web.surfer import Surfer

TEXT = b"Invoice no. 17\r\n" * 40


@pytest.fixture
def ann(app: RunningApp) -> Surfer:
    """Owner of boxes."""
    surfer = Surfer(app)
    surfer.sign_up("ann")
    return surfer


def kept(app: RunningApp, owner: Surfer) -> int:
    """Bytes that count against an owner's quota."""
    with app.services.store.read() as txn:
        return stored_bytes(txn, owner.credentials["userid"])


class TestPlainBox:
    def test_files_come_by_the_form_and_in_parts(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, note="Before Friday, please.")
        sender = Sender(app, entry)
        page = app.get(entry["shorturl"], headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "Before Friday, please." in page.text and "Invoices" in page.text
        sent = sender.form(("a.txt", TEXT), ("b.txt", b""), note="As promised")
        assert sent.status_code == 303
        assert "2 files have come" in app.get(sent.headers["location"]).text
        assert sender.whole("c.txt", TEXT + b"!", note="The last one").status_code == 200
        newest, second, first = listed(ann, entry)
        assert [(one["filename"], one["filesize"]) for one in (first, second, newest)] == [
            ("a.txt", len(TEXT)),
            ("b.txt", 0),
            ("c.txt", len(TEXT) + 1),
        ]
        assert [one["note"] for one in (first, second, newest)] == [
            "As promised",
            "As promised",
            "The last one",
        ]
        assert first["encryption"] == 0 and first["filetype"] == "text/plain"
        assert app.get(newest["url"]).content == TEXT + b"!"
        box = state(ann, entry)
        assert (box["files"], box["bytes"]) == (3, 2 * len(TEXT) + 1)
        assert kept(app, ann) == 2 * len(TEXT) + 1
        assert_sound(app)

    def test_programs_send_without_a_page(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann)
        sent = Sender(app, entry).form(("a.txt", TEXT), in_browser=False)
        assert sent.json() == {"files": 1}
        assert [one["filename"] for one in listed(ann, entry)] == ["a.txt"]

    def test_names_are_made_safe(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann)
        sender = Sender(app, entry)
        for name in ("../../etc/passwd", "a\u202egpj.exe", ".."):
            assert sender.whole(name, b"x").status_code == 200
        names = [one["filename"] for one in reversed(listed(ann, entry))]
        assert names == [".._.._etc_passwd", "a_gpj.exe", "file"]

    def test_nothing_received_is_ever_shown(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann)
        sender = Sender(app, entry)
        filekey = sender.begin(4, "page.html", "text/html").json()["filekey"]
        sender.part(filekey, 0, b"<p/>")
        sender.script("finish", filekey=filekey)
        sender.form(("picture.png", b"x"))
        for one in listed(ann, entry):
            fetched = app.get(one["url"])
            assert fetched.headers["content-disposition"].startswith("attachment")
            assert fetched.headers["content-security-policy"] == "sandbox"
            assert fetched.headers["x-content-type-options"] == "nosniff"

    def test_its_link_has_no_other_way_in(self, app: RunningApp, ann: Surfer) -> None:
        """A visit is answered with a page and counted; the page after sending is not."""
        entry = create(ann)
        for path in (entry["shorturl"], entry["shorturl"] + "+"):
            answer = app.get(path, headers={"accept": "text/html"})
            assert answer.status_code == 200
            assert answer.headers["x-robots-tag"] == "noindex"
        assert "send files to somebody" in answer.text
        sender = Sender(app, entry)
        assert app.get(sender.path).status_code == 200
        app.drain()
        assert ann.call("get_entry", shorturl=entry["shorturl"])["entry"]["count"] == 1
        link = ann.call("url", url="https://example.com/")["entry"]
        assert refusal(Sender(app, link).form(("a", b"x"), in_browser=False)) == "link_not_found"
        assert ann.app.refused("list_box", **ann.credentials, shorturl=link["shorturl"])[
            "code"
        ] == ("box_not_found")

    def test_addresses_of_files_are_its_owners_for_a_minute(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        entry = create(ann)
        Sender(app, entry).form(("a.txt", TEXT))
        [item] = listed(ann, entry)
        ben = Surfer(app)
        ben.sign_up("ben")
        refused = app.refused("list_box", **ben.credentials, shorturl=entry["shorturl"])
        assert refused["code"] == "entry_not_found"
        path = item["url"].partition("8080")[2]
        assert app.get(path.replace("box=", "link=")).status_code == 403
        assert app.get(path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 403
        app.clock.advance(61)
        assert app.get(path).status_code == 403
        ann.call("delete", shorturl=entry["shorturl"])
        assert_nothing_kept(app)


class TestEncryptedBox:
    def test_only_its_owner_can_read_what_came(self, app: RunningApp, ann: Surfer) -> None:
        owner, sender_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        entry = create(ann, public_key=coded(point(owner)))
        sender = Sender(app, entry)
        assert app.get(entry["shorturl"]).text.count(coded(point(owner))) == 1
        salt = point(sender_key) + point(owner)
        keys = [
            derived(sender_key, point(owner), salt, info)
            for info in (b"shortd box file", b"shortd box label")
        ]
        plain = TEXT * (BOUND_FRAME_BYTES // len(TEXT) + 1)
        key = FileKey(keys[0], is_bound=True)
        body = b"".join(
            key.seal_frame(
                plain[at : at + BOUND_FRAME_BYTES],
                at // BOUND_FRAME_BYTES,
                is_last=at + BOUND_FRAME_BYTES >= len(plain),
            )
            for at in range(0, len(plain), BOUND_FRAME_BYTES)
        )
        iv = bytes(12)
        label = iv + AESGCM(keys[1]).encrypt(iv, b'{"name": "secret.txt"}', None)
        filekey = sender.begin(len(plain), "secret.txt").json()["filekey"]
        assert refusal(sender.part(filekey, 0, plain)) == "bad_file"
        assert sender.part(filekey, 0, body).json()["sha256"] == hashlib.sha256(body).hexdigest()
        for wrong in ({}, {"sender_key": coded(b"\4" + bytes(64)), "label": coded(label)}):
            assert refusal(sender.script("finish", filekey=filekey, **wrong)) == "invalid_field"
        done = sender.script(
            "finish", filekey=filekey, sender_key=coded(point(sender_key)), label=coded(label)
        )
        assert done.status_code == 200, done.text
        [item] = listed(ann, entry)
        assert (item["encryption"], item["filename"], item["note"]) == (1, "", "")
        assert item["filesize"] == len(plain)
        assert opened_label(owner, item) == {"name": "secret.txt"}
        assert app.get(item["url"]).content == body
        assert state(ann, entry)["bytes"] == len(body) == kept(app, ann)
        everything = b"".join(
            path.read_bytes()
            for path in app.services.settings.data_dir.rglob("*")
            if path.is_file()
        )
        assert b"secret.txt" not in everything and TEXT not in everything
        assert_sound(app)

    def test_frames_have_to_be_whole(self, app: RunningApp, ann: Surfer) -> None:
        owner = ec.generate_private_key(ec.SECP256R1())
        sender = Sender(app, create(ann, public_key=coded(point(owner))))
        filekey = sender.begin(100).json()["filekey"]
        assert sender.part(filekey, 0, bytes(132)).status_code == 200
        fields = {"sender_key": coded(point(owner)), "label": coded(bytes(40))}
        assert refusal(sender.script("finish", filekey=filekey, **fields)) == "bad_file"

    def test_nothing_comes_in_the_clear(self, app: RunningApp, ann: Surfer) -> None:
        owner = ec.generate_private_key(ec.SECP256R1())
        entry = create(ann, public_key=coded(point(owner)))
        answer = Sender(app, entry).form(("a.txt", TEXT))
        assert answer.status_code == 422
        assert "Nothing can be encrypted here without scripts." in answer.text
        assert listed(ann, entry) == []
        assert_nothing_kept(app)

    @pytest.mark.parametrize("key", [bytes(65), b"\4" + b"\1" * 64])
    def test_its_key_has_to_be_one(self, app: RunningApp, ann: Surfer, key: bytes) -> None:
        refused = app.refused("create_box", **ann.credentials, name="x", public_key=coded(key))
        assert (refused["code"], refused["field"]) == ("invalid_field", "public_key")


class TestLimits:
    def test_of_a_file(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, most_file_bytes=len(TEXT))
        sender = Sender(app, entry)
        assert refusal(sender.begin(len(TEXT) + 1)) == "file_too_large"
        answer = sender.form(("a.txt", TEXT + b"!"))
        assert answer.status_code == 422
        assert f"The file is larger than it may be: at most {len(TEXT)} bytes." in answer.text
        assert sender.form(("a.txt", TEXT)).status_code == 303
        assert_sound(app)

    def test_of_all_files_exactly(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, most_bytes=1000)
        sender = Sender(app, entry)
        assert sender.form(("a", bytes(600))).status_code == 303
        assert refusal(sender.form(("a", bytes(401)), in_browser=False)) == "box_full"
        filekey = sender.begin(400).json()["filekey"]
        assert sender.part(filekey, 0, bytes(400)).status_code == 200
        # What is still coming counts from its first byte, and once.
        assert refusal(sender.begin(1)) == "box_full"
        assert sender.part(filekey, 0, bytes(400)).status_code == 200
        assert sender.script("finish", filekey=filekey).status_code == 200
        page = app.get(entry["shorturl"]).text
        assert "This box is full" in page and "<form" not in page
        assert state(ann, entry)["bytes"] == 1000 == kept(app, ann)
        assert_sound(app)

    def test_of_the_number_of_files(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, most_files=2)
        sender = Sender(app, entry)
        filekey = sender.begin(1).json()["filekey"]
        sender.part(filekey, 0, b"x")
        assert refusal(sender.form(*[("a", b"")] * 3, in_browser=False)) == "box_full"
        assert listed(ann, entry) == []
        assert sender.form(("a", b"a"), ("b", b"b")).status_code == 303
        assert refusal(sender.script("finish", filekey=filekey)) == "box_full"
        assert refusal(sender.begin(1)) == "box_full"
        assert_sound(app)

    def test_of_types(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, types=[".PDF", "image/*"])
        sender = Sender(app, entry)
        answer = sender.form(("a.txt", TEXT))
        assert answer.status_code == 422
        assert "This box takes other files: .pdf, image/*." in answer.text
        assert refusal(sender.begin(1, "a.txt", "text/plain")) == "bad_file"
        assert sender.begin(1, "a.txt", "image/png").status_code == 200
        assert sender.form(("a.Pdf", b"x")).status_code == 303
        wrong = app.refused("create_box", **ann.credentials, name="x", types=["pdf"])
        assert (wrong["code"], wrong["field"]) == ("invalid_field", "types")

    def test_of_the_owners_quota(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_LIMITS__REGISTERED__STORAGE_BYTES": "1000"}
        with open_app(tmp_path / "data", environ=environ) as app:
            ann = Surfer(app)
            ann.sign_up("ann")
            first, second = create(ann), create(ann)
            assert state(ann, first)["most_bytes"] == 1000, "a box is never larger than its owner"
            assert Sender(app, first).form(("a", bytes(700))).status_code == 303
            other = Sender(app, second)
            assert refusal(other.form(("a", bytes(301)), in_browser=False)) == "box_full"
            filekey = other.begin(300).json()["filekey"]
            assert other.part(filekey, 0, bytes(300)).status_code == 200
            assert other.script("finish", filekey=filekey).status_code == 200
            assert kept(app, ann) == 1000
            assert_sound(app)

    def test_strangers_cannot_have_the_owners_storage(self, app: RunningApp, ann: Surfer) -> None:
        """Whatever he has, a box has a bound of its own unless he says otherwise."""
        assert state(ann, create(ann))["most_bytes"] == 1_000_000_000

    def test_parts_have_the_sizes_that_the_file_gives_them(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        sender = Sender(app, create(ann))
        begun = sender.begin(PART_BYTES + 5).json()
        assert begun["part_bytes"] == PART_BYTES
        filekey = begun["filekey"]
        assert refusal(sender.part(filekey, 1, bytes(4))) == "bad_file"
        assert refusal(sender.part(filekey, 1, bytes(6))) == "file_too_large"
        assert refusal(sender.part(filekey, 2, bytes(5))) == "bad_file"
        assert sender.part(filekey, 1, bytes(5)).status_code == 200
        assert refusal(sender.script("finish", filekey=filekey)) == "bad_file"
        assert sender.script("cancel", filekey=filekey).status_code == 200
        assert refusal(sender.part(filekey, 1, bytes(5))) == "upload_not_found"
        assert_nothing_kept(app)

    def test_an_upload_is_its_boxs_alone(self, app: RunningApp, ann: Surfer) -> None:
        """Neither another box's nor a file of the owner's."""
        one, two = Sender(app, create(ann)), Sender(app, create(ann))
        filekey = one.begin(1).json()["filekey"]
        assert refusal(two.part(filekey, 0, b"x")) == "upload_not_found"
        one.part(filekey, 0, b"x")
        assert refusal(two.script("finish", filekey=filekey)) == "upload_not_found"
        refused = app.refused("file_part_finalize", **ann.credentials, filekey=filekey)
        assert refused["code"] == "upload_not_found"

    def test_a_flood_of_begun_uploads_ends_soon(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann)
        for number in range(OPEN_UPLOADS // OPEN_OF_CLIENT):
            sender = Sender(app, entry, f"198.51.100.{number}")
            for _ in range(OPEN_OF_CLIENT):
                assert sender.begin(1).status_code == 200
            assert sender.begin(1).status_code == 503
        other = Sender(app, entry, "203.0.113.9")
        refused = other.begin(1)
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        # Who sends whole files is not held up, and what nothing more came of makes way.
        assert other.form(("a", b"x")).status_code == 303
        app.clock.advance(100)
        with app.services.store.read() as txn:
            lively = next(row for _, row in UPLOADS.scan(txn))
        assert sender.part(lively.filekey, 0, b"x").status_code == 200
        app.clock.advance(50)
        for _ in range(OPEN_OF_CLIENT):
            assert other.begin(1).status_code == 200
        assert other.begin(1).status_code == 503
        assert sender.script("finish", filekey=lively.filekey).status_code == 200
        assert_sound(app)

    def test_whoever_sends_pays_for_it(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_LIMITS__CLIENT__API_CAPACITY": "20000"}
        with open_app(tmp_path / "data", environ=environ) as app:
            ann = Surfer(app)
            ann.sign_up("ann")
            sender = Sender(app, create(ann))
            answers = [sender.form((f"{n}", b"x")).status_code for n in range(25)]
            assert set(answers) == {303, 429}
            assert Sender(app, create(ann), "203.0.113.9").form(("a", b"x")).status_code == 303


class TestWhoMaySend:
    def test_a_password_comes_first(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, password="open sesame")
        sender = Sender(app, entry)
        assert (
            "asks for a password"
            in app.get(entry["shorturl"], headers={"accept": "text/html"}).text
        )
        assert refusal(sender.begin(1)) == "link_protected"
        assert refusal(sender.form(("a", b"x"), in_browser=False)) == "link_protected"
        visitor = Surfer(app)
        code = entry["shorturl"].rpartition("/")[2]
        opened = visitor.send("/-/open", {"code": code, "password": "open sesame"})
        page = visitor.follow(opened)
        action = page.text.partition('action="')[2].partition('"')[0].replace("&amp;", "&")
        sender.query = dict(pair.split("=") for pair in action.partition("?")[2].split("&"))
        assert sender.form(("a", b"x")).status_code == 303
        assert sender.whole("b", b"x").status_code == 200
        stranger = Sender(app, create(ann, password="another"))
        stranger.query = sender.query
        assert refusal(stranger.begin(1)) == "link_protected"
        ann.call("set_terms", shorturl=entry["shorturl"], password="changed")
        assert refusal(sender.begin(1)) == "link_protected"
        assert len(listed(ann, entry)) == 2

    def test_no_foreign_page_sends_anything(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann)
        answer = Sender(app, entry).form(("a", b"x"), site="cross-site")
        assert answer.status_code == 403
        assert listed(ann, entry) == []

    def test_it_ends_with_its_time(self, app: RunningApp, ann: Surfer) -> None:
        entry = create(ann, expiration_utime=app.clock.now() + DAY)
        sender = Sender(app, entry)
        filekey = sender.begin(1).json()["filekey"]
        app.clock.advance(DAY / SECOND)
        assert refusal(sender.part(filekey, 0, b"x")) == "link_expired"
        assert refusal(sender.form(("a", b"x"), in_browser=False)) == "link_expired"
        assert app.get(entry["shorturl"]).status_code == 410

    def test_closed_it_keeps_what_came_and_takes_nothing(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        entry = create(ann)
        sender = Sender(app, entry)
        sender.form(("a", b"x"))
        filekey = sender.begin(1).json()["filekey"]
        sender.part(filekey, 0, b"x")
        answer = ann.call("close_box", shorturl=entry["shorturl"])
        assert answer["box"]["closed"] and answer["box"]["bytes"] == 1
        assert "takes nothing any more" in app.get(entry["shorturl"]).text
        assert refusal(sender.begin(1)) == "box_closed"
        assert refusal(sender.script("finish", filekey=filekey)) == "box_closed"
        refused = sender.form(("a", b"x"))
        assert refused.status_code == 422 and "takes nothing any more" in refused.text
        assert len(listed(ann, entry)) == 1
        assert not ann.call("close_box", shorturl=entry["shorturl"], closed=False)["box"]["closed"]
        assert sender.form(("a", b"x")).status_code == 303
        assert_sound(app)

    def test_a_server_may_have_none(self, tmp_path: Path) -> None:
        with open_app(tmp_path / "data", environ=GENEROUS) as app:
            ann = Surfer(app)
            ann.sign_up("ann")
            entry = create(ann)
            Sender(app, entry).form(("a", b"x"))
        environ = {**GENEROUS, "SHORTD_WEB__BOXES": "false"}
        with open_app(tmp_path / "data", environ=environ) as app:
            ann.app = app
            assert refusal(Sender(app, entry).begin(1)) == "box_closed"
            assert len(listed(ann, entry)) == 1
            assert app.refused("create_box", **ann.credentials, name="x")["code"] == "not_allowed"

    def test_boxes_are_for_who_has_signed_up(self, app: RunningApp) -> None:
        refused = app.refused("create_box", userid=app.userid, name="x")
        assert refused["code"] == "not_registered"


class TestItsEnd:
    @pytest.fixture
    def full(self, app: RunningApp, ann: Surfer) -> dict[str, object]:
        """The entry of a box with a file in it and another on its way."""
        entry = create(ann)
        sender = Sender(app, entry)
        sender.form(("a", b"x"))
        sender.part(sender.begin(1).json()["filekey"], 0, b"x")
        return entry

    def test_with_its_link(self, app: RunningApp, ann: Surfer, full: dict[str, str]) -> None:
        ann.call("delete", shorturl=full["shorturl"])
        assert refusal(Sender(app, full).begin(1)) == "link_not_found"
        assert_nothing_kept(app)
        assert kept(app, ann) == 0

    def test_not_before_it_cannot_be_undone(
        self, app: RunningApp, ann: Surfer, full: dict[str, str]
    ) -> None:
        [item] = listed(ann, full)
        answer = ann.send(f"/-/links/{full['id']}/delete", {})
        assert answer.status_code == 303
        assert refusal(Sender(app, full).begin(1)) == "link_not_found"
        assert app.get(item["url"]).status_code == 404
        assert ann.get(f"/-/boxes/{full['id']}").status_code == 404
        assert kept(app, ann) == 2, "it can still be undone"
        assert_sound(app)
        page = ann.follow(answer).text
        ann.send("/-/undo/" + page.partition('action="/-/undo/')[2].partition('"')[0])
        assert len(listed(ann, full)) == 1
        assert Sender(app, full).form(("b", b"x")).status_code == 303
        ann.send(f"/-/links/{full['id']}/delete", {})
        app.clock.advance(31)
        app.run(app.services.links.undoing.purge(app.clock.now()))
        assert_nothing_kept(app)

    def test_with_its_owner(self, app: RunningApp, ann: Surfer, full: dict[str, str]) -> None:
        now, userid = app.clock.now(), ann.credentials["userid"]
        app.run(app.services.upkeep.administration.end(userid, now))
        assert_nothing_kept(app)

    def test_an_upload_that_never_ends(
        self, app: RunningApp, ann: Surfer, full: dict[str, str]
    ) -> None:
        app.clock.advance(3601)
        app.run(app.services.upkeep.undertaker.end_uploads())
        assert (state(ann, full)["bytes"], kept(app, ann)) == (1, 1)
        bury(app)
        assert len(on_disk(app.services.settings.data_dir)) == 1
        assert_sound(app)

    def test_its_files_one_by_one(self, app: RunningApp, ann: Surfer, full: dict[str, str]) -> None:
        [item] = listed(ann, full)
        page = f"/-/boxes/{full['id']}"
        assert ann.send(f"{page}/empty", {"item": "7"}).status_code == 303
        assert len(listed(ann, full)) == 1
        assert ann.send(f"{page}/empty", {"item": str(item["id"])}).status_code == 303
        assert listed(ann, full) == []
        Sender(app, full).form(("b", b"x"), ("c", b"x"))
        assert ann.send(f"{page}/empty", {}).status_code == 303
        assert state(ann, full)["files"] == 0
        assert_sound(app)


class TestMail:
    @pytest.fixture
    def known(self, app: RunningApp, ann: Surfer) -> Iterator[Surfer]:
        """Ann, whose address is known to be hers."""
        userid = ann.credentials["userid"]
        app.run(app.services.upkeep.administration.change(userid, Changes(verified=True)))
        yield ann

    def mails(self, app: RunningApp) -> list[str]:
        app.deliver()
        folder = app.services.settings.data_dir / "outbox"
        return [path.read_text() for path in sorted(folder.glob("*.eml"))]

    def test_tells_of_what_came_once_in_a_while(self, app: RunningApp, known: Surfer) -> None:
        entry = create(known)
        sender = Sender(app, entry)
        sender.form(("a.txt", b"x"))
        assert self.mails(app) == []
        sender.form(("b.txt", b"x"))
        app.clock.advance(61)
        [mail] = self.mails(app)
        assert f"/-/boxes/{entry['id']}\n" in mail and "a.txt" not in mail
        sender.form(("c.txt", b"x"))
        app.clock.advance(500)
        assert len(self.mails(app)) == 1
        app.clock.advance(101)
        assert len(self.mails(app)) == 2

    def test_is_one_for_several_boxes(self, app: RunningApp, known: Surfer) -> None:
        for _ in range(2):
            Sender(app, create(known)).form(("a.txt", b"x"))
        app.clock.advance(61)
        [mail] = self.mails(app)
        assert "/-/boxes\n" in mail

    def test_comes_in_the_language_of_the_account(self, app: RunningApp, known: Surfer) -> None:
        known.get("/-/look?lang=de&back=/")
        known.send("/-/account/look", {"lang": "de", "language": "de"})
        Sender(app, create(known)).form(("a.txt", b"x"))
        app.clock.advance(61)
        [mail] = self.mails(app)
        assert "Ihnen wurden Dateien geschickt" in mail

    def test_goes_to_no_address_that_nobody_has_proven(self, app: RunningApp, ann: Surfer) -> None:
        Sender(app, create(ann)).form(("a.txt", b"x"))
        app.clock.advance(61)
        assert self.mails(app) == []

    def test_that_many_send_takes_nothing_from_the_way_back(
        self, app: RunningApp, known: Surfer
    ) -> None:
        entry = create(known)
        for _ in range(30):
            Sender(app, entry).form(("a.txt", b"x"))
            app.clock.advance(601)
            app.deliver()
        before = len(self.mails(app))
        assert before <= 24
        known.send("/-/forgot", {"name": "ann"})
        assert len(self.mails(app)) == before + 1


def test_another_owner_has_all_of_it(app: RunningApp, ann: Surfer) -> None:
    """As who takes over what somebody leaves in a team."""
    entry = create(ann)
    sender = Sender(app, entry)
    sender.form(("a", b"xyz"))
    filekey = sender.begin(2).json()["filekey"]
    sender.part(filekey, 0, b"xy")
    ben = Surfer(app)
    ben.sign_up("ben")
    heir = ben.credentials["userid"]

    def give(txn: WriteTxn) -> None:
        link = LINKS_BY_ID.get(txn, (entry["id"],))
        assert link is not None
        give_box(txn, link.box, heir)
        LINKS.put(txn, (link.host, link.code), msgspec.structs.replace(link, owner=heir))

    app.run(app.services.store.write(give))
    assert (kept(app, ann), kept(app, ben)) == (0, 5)
    assert sender.script("finish", filekey=filekey).status_code == 200
    assert len(listed(ben, entry)) == 2
    assert ann.app.refused("list_box", **ann.credentials, shorturl=entry["shorturl"])
    assert_sound(app)
