"""Signed addresses: what they allow, and for how long; and handing files over to a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from shortd.security.signing import Signer
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.sharing.sharing import Sharer, sharer


class TestAddresses:
    @pytest.fixture
    def address(self, owner: Sharer) -> str:
        return owner.address(owner.share(b"data"))

    def test_sixty_seconds_to_begin(self, app: RunningApp, address: str) -> None:
        app.clock.advance(59.999_999)
        assert app.get(address).content == b"data"
        app.clock.advance(0.000_001)
        response = app.get(address)
        assert (response.status_code, response.content) == (302, b"")

    def test_a_download_that_began_goes_on(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = owner.address(owner.share_in_parts([b"da", b"ta"]))
        blobs = app.services.sharing.files.blobs
        real = blobs.open

        async def later(name: str) -> FileIO:
            app.clock.advance(3600)
            return await real(name)

        monkeypatch.setattr(blobs, "open", later)
        assert app.get(address).content == b"data"
        assert app.get(address).status_code == 302

    @pytest.mark.parametrize("name", ["link", "expires", "signature"])
    def test_every_character_counts(self, app: RunningApp, address: str, name: str) -> None:
        url = urlsplit(address)
        query = dict(parse_qsl(url.query))
        value = query[name]
        for at, character in enumerate(value):
            other = "1" if character != "1" else "2"
            query[name] = value[:at] + other + value[at + 1 :]
            assert app.get(f"{url.path}?{urlencode(query)}").status_code == 403
        for wrong in ("", value[:-1], value + "0", " " + value, value.upper() + "x", "-1", "1e99"):
            query[name] = wrong
            assert app.get(f"{url.path}?{urlencode(query)}").status_code == 403
        del query[name]
        assert app.get(f"{url.path}?{urlencode(query)}").status_code == 403

    @pytest.mark.parametrize(
        "query",
        [
            *("", "?", "?expires", "?signature=%ff&expires=%ff", "?expires=9999999999999999"),
            *("?expires=" + "9" * 5000, "?expires=٣", "?signature=\u00e9", "?" + "&" * 5000),
        ],
        ids=lambda text: ascii(text[:20]),
    )
    def test_what_is_no_signature(self, app: RunningApp, address: str, query: str) -> None:
        assert app.get(urlsplit(address).path + query).status_code == 403

    def test_one_for_each_file(self, app: RunningApp, owner: Sharer, address: str) -> None:
        other = urlsplit(owner.address(owner.share(b"other")))
        mixed = f"{other.path}?{urlsplit(address).query}"
        assert app.get(mixed).status_code == 403
        assert app.get("/-/files/x").status_code == 403
        for path in ("/-/files/", "/-/files", "/-/files/../files", "/-/files/a/b"):
            assert app.get(path).status_code == 404

    def test_the_signature_is_not_the_challenge_of_another_key(self) -> None:
        one, two = Signer(b"1" * 32), Signer(b"2" * 32)
        assert one.sign("key", 5) != two.sign("key", 5)
        assert one.verify("key", 5, one.sign("key", 5))
        for filekey, expires in (("key", 6), ("kez", 5), ("key:5", 5), ("key", 55)):
            assert not one.verify(filekey, expires, one.sign("key", 5))

    def test_it_outlives_a_restart(self, tmp_path: Path) -> None:
        with open_app(tmp_path / "data", environ=GENEROUS) as app:
            owner = sharer(app)
            address = owner.address(owner.share(b"data"))
        with open_app(tmp_path / "data", environ=GENEROUS) as app:
            assert app.get(address).content == b"data"

    def test_no_cache_keeps_it(self, owner: Sharer) -> None:
        response = owner.follow(owner.share(b"data"))
        assert response.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_errors_are_pages_for_browsers(self, app: RunningApp, accept: str) -> None:
        response = app.get("/-/files/x", headers={"accept": accept})
        assert response.headers["content-type"].startswith(accept)


class TestHandover:
    """A front proxy sends the file itself, if the operator says so."""

    @pytest.fixture(params=["x-accel-redirect", "x-sendfile"])
    def header(self, request: pytest.FixtureRequest) -> str:
        name: str = request.param
        return name

    @pytest.fixture
    def behind(self, tmp_path: Path, header: str) -> Iterator[Sharer]:
        environ = {
            "SHORTD_FILES__HANDOVER": header,
            "SHORTD_FILES__HANDOVER_PREFIX": "/internal/",
        }
        with open_app(tmp_path / "data", environ={**GENEROUS, **environ}) as app:
            yield sharer(app)

    def test_whole_files_of_one_part(self, behind: Sharer, header: str) -> None:
        address = behind.address(behind.share(b"data", filename="a.txt", filetype="text/html"))
        response = behind.app.get(address)
        assert (response.status_code, response.content) == (200, b"")
        prefix, _, blob = response.headers[header].rpartition("/internal/")
        assert prefix == ""
        folder = behind.app.services.settings.data_dir / "files"
        assert (folder / blob).read_bytes() == b"data"
        # The proxy keeps what makes it harmless.
        assert response.headers["content-type"] == "text/html"
        assert response.headers["content-security-policy"] == "sandbox"
        assert response.headers["content-disposition"].startswith("attachment")

    def test_all_else_is_sent_by_us(self, behind: Sharer, header: str) -> None:
        address = behind.address(behind.share(b"data"))
        response = behind.app.get(address, headers={"range": "bytes=1-2"})
        assert (response.status_code, response.content) == (206, b"at")
        assert header not in response.headers
        address = behind.address(behind.share_in_parts([b"da", b"ta"]))
        response = behind.app.get(address)
        assert (response.status_code, response.content) == (200, b"data")
        assert header not in response.headers
        assert behind.app.get(address + "0").status_code == 403

    def test_it_is_off_by_default(self, owner: Sharer) -> None:
        headers = owner.app.get(owner.address(owner.share(b"data"))).headers
        assert not {"x-accel-redirect", "x-sendfile"} & headers.keys()
