"""Which bytes a request gets: ranges, conditions, and parts that end in the middle of them."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.testing import RunningApp
from shortd.web.ranges import MAX_RANGES, Plan, plan
from tests.sharing.sharing import Sharer, cut

SIZE = 1000
DATA = bytes(number * 7 % 251 for number in range(SIZE))
PARTS = cut(DATA, [1, 99, 0, 400, 300])
"""They end at 1, 100, 100, 500 and 800."""


class Download:
    """A file in parts, at a signed address."""

    def __init__(self, owner: Sharer) -> None:
        self.entry = owner.share_in_parts(PARTS, filetype="image/png")
        self.etag = f'"{self.entry["filekey"]}"'
        self._app = owner.app
        self._address = owner.address(self.entry)

    def get(self, method: str = "GET", **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._app.request(method, self._address, headers=fields)


@pytest.fixture
def download(owner: Sharer) -> Download:
    return Download(owner)


def test_all_of_it(download: Download) -> None:
    response = download.get()
    assert response.status_code == 200
    assert response.content == DATA
    assert response.headers["content-length"] == str(SIZE)
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"] == download.etag
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        *(("0-0", 0, 1), ("0-999", 0, 1000), ("0-", 0, 1000), ("999-", 999, 1000)),
        *(("999-5000", 999, 1000), ("0-99999999999999999999", 0, 1000), ("5-5", 5, 6)),
        *(("-1", 999, 1000), ("-1000", 0, 1000), ("-5000", 0, 1000), ("-300", 700, 1000)),
        *(("0-99", 0, 100), ("99-100", 99, 101), ("100-100", 100, 101), ("499-800", 499, 801)),
        *(("1-998", 1, 999), ("500-799", 500, 800), (" 1-2 ", 1, 3)),
    ],
)
def test_one_range(download: Download, asked: str, start: int, stop: int) -> None:
    response = download.get(range=f"bytes={asked}")
    assert response.status_code == 206
    assert response.content == DATA[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["content-length"] == str(stop - start)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["etag"] == download.etag


@pytest.mark.parametrize(
    "asked", ["1000-", "1000-2000", "99999999999999999999-", "2000-2100,3000-"]
)
def test_outside_of_the_file(download: Download, asked: str) -> None:
    response = download.get(range=f"bytes={asked}")
    assert response.status_code == 416
    assert response.content == b""
    assert response.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    [
        *("", "bytes", "bytes=", "bytes=x", "bytes=5", "bytes=5-4", "bytes=--5", "bytes=-0"),
        *(
            "bytes=1-2,x",
            "items=0-5",
            "bytes = 0-5x",
            "0-5",
            "bytes=0-5;1-2",
            "bytes=" + "9" * 5000,
        ),
        "bytes=0x1-0x2",
        # Overlapping, or more than anybody needs.
        *("bytes=0-10,5-20", "bytes=0-,0-", "bytes=5-20,0-10", "bytes=-999,0-3", "bytes=0-5,-999"),
        "bytes=" + ",".join(f"{n * 10}-{n * 10 + 1}" for n in range(MAX_RANGES + 1)),
        "bytes=" + "0-0," * 10_000 + "0-0",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_range_gets_all_of_it(download: Download, asked: str) -> None:
    response = download.get(range=asked)
    assert response.status_code == 200
    assert response.content == DATA
    assert "content-range" not in response.headers


def several(response: httpx.Response) -> list[tuple[str, str, bytes]]:
    """The parts of multipart/byteranges, read by the standard library."""
    assert response.status_code == 206
    assert response.headers["content-length"] == str(len(response.content))
    assert "content-range" not in response.headers
    kind = response.headers["content-type"]
    assert re.fullmatch(r"multipart/byteranges; boundary=[0-9a-f]{32}", kind)
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP.clone(linesep="\n")).parsebytes(head + response.content)
    boundary = kind.partition("=")[2].encode()
    # The parser takes bytes for lines; between the boundaries they are as they came.
    bodies = [
        piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        for piece in response.content.split(b"--" + boundary)[1:-1]
    ]
    return [
        (part["content-type"], part["content-range"], body)
        for part, body in zip(message.iter_parts(), bodies, strict=True)
    ]


@pytest.mark.parametrize(
    ("asked", "ranges"),
    [
        ("0-0,2-2", [(0, 1), (2, 3)]),
        ("0-10,90-110,990-", [(0, 11), (90, 111), (990, 1000)]),
        ("0-99,100-499,-1", [(0, 100), (100, 500), (999, 1000)]),
        ("0-0,999-2000,3000-4000", [(0, 1), (999, 1000)]),
        ("20-29,0-9", [(20, 30), (0, 10)]),
        ("500-600,0-10", [(500, 601), (0, 11)]),
        ("-5,0-3", [(995, 1000), (0, 4)]),
        ("990-,5000-,0-0", [(990, 1000), (0, 1)]),
        ("800-,3-3, 100-199 ,0-0", [(800, 1000), (3, 4), (100, 200), (0, 1)]),
    ],
)
def test_several_ranges(download: Download, asked: str, ranges: list[tuple[int, int]]) -> None:
    response = download.get(range=f"bytes={asked}")
    assert several(response) == [
        ("image/png", f"bytes {start}-{stop - 1}/{SIZE}", DATA[start:stop])
        for start, stop in ranges
    ]


def test_several_of_which_one_is_left(download: Download) -> None:
    response = download.get(range="bytes=5-6,5000-")
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes 5-6/{SIZE}"
    assert response.content == DATA[5:7]


def test_if_range(download: Download) -> None:
    asked = "bytes=1-2"
    assert download.get(range=asked, if_range=download.etag).content == DATA[1:3]
    for other in ('"another"', "Wed, 21 Oct 2015 07:28:00 GMT", "nonsense", "", '"'):
        response = download.get(range=asked, if_range=other)
        expected = DATA if other else DATA[1:3]
        assert response.content == expected, other


@pytest.mark.parametrize("spelling", ["W/{}", "w/{}", "{}, {}", 'W/"x", {}', "{} x"])
def test_if_range_compares_strongly(download: Download, spelling: str) -> None:
    """A weak tag, an unquoted one, or more than one is none that a range could be of."""
    for tag in (download.etag, download.etag.strip('"')):
        response = download.get(range="bytes=1-2", if_range=spelling.format(tag, tag))
        assert (response.status_code, response.content) == (200, DATA)
    response = download.get(range="bytes=1-2", if_range=download.etag.strip('"'))
    assert response.status_code == 200


def test_if_match(download: Download) -> None:
    tag = download.etag
    for known in (tag, "*", f'"x", {tag}', f'{tag} , "x"', f'W/"x",{tag},"y"', f'"",{tag}'):
        for method in ("GET", "HEAD"):
            assert download.get(method, if_match=known).status_code == 200
        assert download.get(range="bytes=1-2", if_match=known).content == DATA[1:3]
    bare = tag.strip('"')
    for other in (
        '"other"',
        f"W/{tag}",
        bare,
        f"W/{bare}",
        "",
        f'"{bare}',
        f"x{tag}",
        '"*"',
        "*, *",
    ):
        for method in ("GET", "HEAD"):
            response = download.get(method, if_match=other)
            assert (response.status_code, response.content) == (412, b""), other
            assert response.headers["content-length"] == "0"
        assert download.get(range="bytes=1-2", if_match=other).status_code == 412
    # It comes before all the others (RFC 9110 13.2.2).
    assert download.get(if_match='"x"', if_none_match=tag).status_code == 412
    assert download.get(if_match=tag, if_none_match=tag).status_code == 304


def test_if_none_match(download: Download) -> None:
    for known in (download.etag, f"W/{download.etag}", f'"x", {download.etag}', "*"):
        for method in ("GET", "HEAD"):
            response = download.get(method, if_none_match=known)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == download.etag
    for other in ('"x"', "", download.etag[:-2] + '"'):
        assert download.get(if_none_match=other).status_code == 200
    # What the client has wins over what it wants of it (RFC 9110 13.2.2).
    response = download.get(if_none_match=download.etag, range="bytes=0-0")
    assert response.status_code == 304


def test_head(download: Download) -> None:
    whole = download.get()
    # A range means nothing there (RFC 9110 14.2).
    for asked in ("", "bytes=0-0", "bytes=5000-"):
        response = download.get("HEAD", range=asked)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers == whole.headers


@pytest.mark.parametrize("parts", [[b""], [], [b"", b"", b""]], ids=len)
def test_an_empty_file(app: RunningApp, owner: Sharer, parts: list[bytes]) -> None:
    address = owner.address(owner.share_in_parts(parts))
    response = app.get(address)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"
    for asked in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        response = app.get(address, headers={"range": asked})
        assert (response.status_code, response.headers["content-range"]) == (416, "bytes */0")


number = st.integers(0, 1100)
spec = st.one_of(
    st.builds("{}-{}".format, number, number),
    st.builds("{}-".format, number),
    st.builds("-{}".format, number),
    st.text("0123456789-, x", max_size=8),
)


@given(st.lists(spec, min_size=1, max_size=6), st.integers(0, 1000))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_plan_is_inside_the_file(specs: list[str], size: int) -> None:
    chosen = plan(size, "etag", b"a/b", range_header="bytes=" + ",".join(specs))
    assert chosen.status in (200, 206, 416)
    spans = [piece for piece in chosen.pieces if not isinstance(piece, bytes)]
    assert all(0 <= start <= stop <= size for start, stop in spans)
    assert sum(stop - start for start, stop in spans) <= size
    if chosen.status == 200:
        assert chosen == Plan(200, [(b"content-type", b"a/b")], [(0, size)])
    assert (chosen.status == 416) == (not spans)
