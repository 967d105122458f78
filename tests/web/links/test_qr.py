"""A link's QR code on its page."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.web.links.conftest import MadeLink
from tests.web.surfer import Surfer


class TestLook:
    def test_the_image_has_the_look_of_the_page(self, link: MadeLink) -> None:
        page = link.page("/qr?fg=%230a6652&level=H&border=5&track=1")
        (source,) = re.findall(r'<img src="(.*?)" alt="QR', page)
        image = link.surfer.get(unescape(source))
        assert image.headers["content-type"] == "image/svg+xml"
        assert "#0a6652" in image.text
        assert "?qr" in page

    def test_files_to_save(self, link: MadeLink) -> None:
        for kind, begin in (("svg", b"<svg"), ("png", b"\x89PNG")):
            answer = link.surfer.get(f"{link.path}/qr.{kind}?save=1&fg=%23112233")
            assert answer.content.startswith(begin)
            assert f'filename="qr-{link.id}.{kind}"' in answer.headers["content-disposition"]

    def test_images_are_not_counted(self, link: MadeLink) -> None:
        link.surfer.get(f"{link.path}/qr.svg")
        entry = link.surfer.call("get_entry", shorturl=f"127.0.0.1:8080/{link.code}")["entry"]
        assert entry["count_qr"] == 0

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("?fg=red", "#rrggbb"),
            ("?fg=%23fff", "#rrggbb"),
            ("?bg=%23ffffffff0", "#rrggbb"),
            ("?border=65", "At most 64."),
            ("?border=x", "whole number"),
        ],
    )
    def test_what_is_wrong_is_told_at_its_field(
        self, link: MadeLink, query: str, said: str
    ) -> None:
        answer = link.surfer.get(f"{link.path}/qr{query}")
        assert answer.status_code == 422
        assert said in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert link.surfer.get(f"{link.path}/qr.svg{query}").status_code == 404

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("?fg=%23cccccc", "below 3"),
            ("?fg=%23ffffff&bg=%23000000", "Light on dark"),
            ("?border=1", "asks for a border of 4"),
            ("?fg=%23000000", "Reads well"),
        ],
    )
    def test_whether_it_can_be_read(self, link: MadeLink, query: str, said: str) -> None:
        assert said in link.page(f"/qr{query}")


class TestUsualLook:
    def test_is_kept_for_all_links(self, link: MadeLink, ann: Surfer) -> None:
        answer = ann.send(f"{link.path}/qr", {"fg": "#2f62b5", "level": "Q", "border": "4"})
        assert "Codes look like this" in ann.follow(answer).text
        other = MadeLink(ann, "winter26")
        page = other.page("/qr")
        assert 'value="#2f62b5"' in page
        assert re.search(r'value="Q" checked', page)

    def test_a_wrong_one_is_not(self, link: MadeLink, ann: Surfer) -> None:
        answer = ann.send(f"{link.path}/qr", {"fg": "<script>", "level": "Q"})
        assert answer.status_code == 422
        assert "<script>alert" not in answer.text
        assert 'value="#000000"' in link.page("/qr")
