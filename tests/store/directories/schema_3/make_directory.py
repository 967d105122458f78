"""Makes the directory: what schema 2 had, brought to schema 3, with something of all that came.

It ran in a checkout of commit 36d681d, as
`python -m tests.store.directories.schema_3.make_directory FOLDER`, and cannot run today. Codes that
differ by case alone, tags as one text, boxes, bundles, passkeys, second factors, blocked patterns,
reports, terms of that time.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shortd.testing import FakeClock, RunningApp, open_app
from tests.authenticator import Authenticator
from tests.sharing import boxes
from tests.sharing.sharing import sharer
from tests.sharing.test_bundles import share as share_bundle
from tests.web.account.test_passkeys import add as add_passkey
from tests.web.account.test_second_factor import set_up
from tests.web.admin.conftest import command
from tests.web.surfer import Surfer

OLDER = Path(__file__).parents[1] / "schema_2"
OWN = "https://s.example"
CODES = ("CaseMatters", "casematters", "UPPERCASE1")


def fill(app: RunningApp) -> dict[str, Any]:
    """Makes what schema 2 had not, as `zoe`: what is known of it."""
    zoe = Surfer(app, OWN)
    zoe.sign_up("zoe", email="zoe@nowhere.example")
    entries = {
        code: zoe.call("url", url=f"https://zoe.example/{code}", code=code)["entry"]
        for code in CODES
    }
    first = entries["CaseMatters"]["shorturl"]
    terms = {"tags": ["two words", "flyer"], "note": "For me", "robots": True, "archived": True}
    zoe.call("set_terms", shorturl=first, **terms, forward_query="visitor")
    zoe.send("/-/account/look", {"theme": "dark", "language": "de"})
    add_passkey(zoe, Authenticator(OWN))
    set_up(zoe)
    command(app, "user link", user="zoe", proxy="zoe@proxy")
    command(app, "link block", pattern="bad.example", reason="phishing")
    command(app, "user set", user="zoe", changes={"verified": True})
    report = {"link": first, "reason": "spam", "note": "Look\nat this"}
    assert Surfer(app, OWN, "198.51.100.9").send("/-/report", report).status_code == 303
    key = ec.generate_private_key(ec.SECP256R1())
    boxes.create(zoe, public_key=boxes.coded(boxes.point(key)))
    entry = boxes.create(zoe)
    sender = boxes.Sender(app, entry)
    sender.path = "/-/box/" + entry["shorturl"].rpartition("/")[2]
    assert sender.whole("letter.txt", b"Dear Zoe", note="Two\nlines").status_code == 200
    share_bundle(sharer(app))
    for _ in range(3):
        app.visit(first)
    app.drain()
    links = {code: one["shorturl"] for code, one in entries.items()}
    return {"userid": zoe.credentials["userid"], "box": entry["shorturl"], "links": links}


def main() -> None:
    target = Path(sys.argv[1])
    known = json.loads((OLDER / "expected.json").read_bytes())
    with TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with tarfile.open(OLDER / "directory.tar.xz") as archive:
            archive.extractall(data, filter="data")
        environ = {**known["environ"], "SHORTD_STORAGE__RESERVE_BYTES": "1048576"}
        clock = FakeClock(known["utime"])
        with open_app(data, clock=clock, environ=environ) as app:
            made = fill(app)
            made |= {"utime": app.clock.now(), "environ": environ}
        with tarfile.open(target / "directory.tar.xz", "w:xz") as archive:
            for name in ("db/data.mdb", "journal", "files"):
                archive.add(data / name, name)
    (target / "known.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
