"""Assets: hashed, packed, ordered by their imports."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Iterator

import pytest

from shortd.testing import RunningApp, open_app
from shortd.web.assets import FOLDER, AssetError, Assets, static_sources

ASSETS = Assets(static_sources())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with open_app(tmp_path_factory.mktemp("site") / "data") as app:
        yield app


def sources(**scripts: str) -> dict[str, bytes]:
    return {f"{name}.js": text.encode() for name, text in scripts.items()}


def test_an_address_tells_the_content() -> None:
    one, other = Assets(sources(a="1")).named("a.js"), Assets(sources(a="2")).named("a.js")
    assert re.fullmatch(r"/-/static/a\.[0-9a-f]{16}\.js", one.path)
    assert one.path != other.path
    assert one.etag == f'"{one.path.split(".")[1]}"'


def test_a_script_changes_with_what_it_imports() -> None:
    def made(last: str) -> Assets:
        return Assets(sources(a='import "./b.js";', b='import { c } from "./c.js";', c=last))

    before, after = made("export const c = 1;"), made("export const c = 2;")
    file = before.named("b.js").path.removeprefix(FOLDER)
    assert before.named("a.js").body == f'import"./{file}";'.encode()
    assert before.named("a.js").imports == ("c.js", "b.js")
    for name in ("a.js", "b.js", "c.js"):
        assert before.named(name).path != after.named(name).path


@pytest.mark.parametrize(
    ("scripts", "words"),
    [
        ({"a": 'import "./b.js";', "b": 'import "./a.js";'}, "import each other"),
        ({"a": 'import "./a.js";'}, "import each other"),
        ({"a": 'import "./b.js";'}, "a.js imports b.js, which is not there"),
    ],
)
def test_scripts_that_can_never_load_stop_the_start(scripts: dict[str, str], words: str) -> None:
    with pytest.raises(AssetError, match=words):
        Assets(sources(**scripts))


@pytest.mark.parametrize("name", [asset.name for asset in ASSETS])
def test_an_asset_is_sent_as_small_as_the_browser_takes_it(site: RunningApp, name: str) -> None:
    asset, app = ASSETS.named(name), site
    plain = app.get(asset.path, headers={"accept-encoding": "identity"})
    packed = app.get(asset.path, headers={"accept-encoding": "br, gzip"})
    assert plain.status_code == packed.status_code == 200
    assert plain.content == packed.content == asset.body
    assert "content-encoding" not in plain.headers
    if asset.packed is not None:
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
        assert gzip.decompress(asset.packed) == asset.body


def test_the_sheet_and_the_scripts_stay_small() -> None:
    packed = {asset.name: len(asset.packed or asset.body) for asset in ASSETS}
    assert packed["style.css"] <= 8 << 10
    # 30 KiB for links, files and statistics; 8 KiB for what came with passkeys, boxes and bundles.
    dashboard = [name for name in packed if name.endswith(".js") and name != "docs.js"]
    assert sum(packed[name] for name in dashboard) <= 38 << 10
    assert packed["docs.js"] + packed["docs.css"] <= 3 << 10
    frame = ASSETS.named("frame.js")
    assert sum(packed[name] for name in (frame.name, *frame.imports)) <= 10 << 10
    for name in frame.imports:
        assert packed[name] <= 4 << 10


def test_the_sheet_fetches_nothing() -> None:
    assert not re.search(rb"@import|url\(", ASSETS.named("style.css").body)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../pages.py",
        "/etc/passwd",
        "style.css/",
        "style.css",
        "STYLE.CSS",
        "a.css\0",
    ],
)
def test_nothing_else_is_an_asset(name: str) -> None:
    assert ASSETS.served(name) is None


def test_the_icon_file_holds_two_sizes() -> None:
    body = ASSETS.named("favicon.ico").body
    assert struct.unpack_from("<HHH", body) == (0, 1, 2)
    for number, side in enumerate((16, 32)):
        width, height, *_, length, offset = struct.unpack_from("<BBBBHHII", body, 6 + 16 * number)
        assert (width, height) == (side, side)
        image = body[offset : offset + length]
        assert image.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack_from(">II", image, 16) == (side, side)


def test_what_a_file_says_of_itself_is_not_sent() -> None:
    about = b"/* Why\n   it is. */\n\n"
    made = Assets(
        {
            "a.js": about + b"export const a = `/* ${1} // kept */`; // so\n",
            "b.css": about + b"a { color: red }\n",
        }
    )
    assert made.named("a.js").body == b"export const a=`/* ${1} // kept */`;"
    assert made.named("b.css").body == b"a{color:red}"


def test_a_script_that_is_asked_for_later_is_found_as_well() -> None:
    sources = {"a.js": b'const { b } = await import("./b.js");', "b.js": b"export const b = 1;"}
    made = Assets(sources)
    file = made.named("b.js").path.removeprefix(FOLDER)
    assert f'import("./{file}")'.encode() in made.named("a.js").body
