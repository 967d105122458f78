"""Where hosts may send their visitors."""

from __future__ import annotations

import pytest
from msgspec import structs

from shortd.hosts.ways import option_problems
from shortd.models.hosts import HostOptions

BASES = ("https://s.example", "http://b.example:8443", "https://www.w.example")
CIRCLE = "leads back to"


def problem(host: str, address: str, **others: HostOptions) -> str:
    """What is said of an address, whatever it is there for; empty if it may be."""
    found = set()
    for place in ("root", "unknown", "ended"):
        options = {**others, host: structs.replace(HostOptions(), **{place: address})}
        lines = list(option_problems(options, BASES))
        assert len(lines) <= 1
        for line in lines:
            assert line.startswith(f'host."{host}".{place}: ')
        found.add(lines[0].partition(": ")[2] if lines else "")
    [said] = found
    return said


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/",
        "https://example.org/ü?a=b#c",
        "  https://example.org/ ",
        "https://s.example/-/home",
        "https://s.example/-/bundles/abc",
        "https://s.example:8443/abc",
        "https://other.s.example/",
    ],
)
def test_elsewhere_and_pages_of_ours(address: str) -> None:
    assert problem("b.example:8443", address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://s.example/abcdef",
        "http://S.EXAMPLE:443/abcdef",
        "https://s.example/-/../abcdef",
        "https://s.example/%2e/abcdef",
        "https://www.s.example/abcdef",
        "https://w.example/abcdef",
        "http://b.example:8443/x",
    ],
)
def test_no_address_that_may_be_a_code(address: str) -> None:
    assert CIRCLE in problem("b.example:8443", address)


def test_a_host_alone_is_a_page_unless_it_leads_on() -> None:
    root = "https://s.example/"
    [line] = option_problems({"s.example": HostOptions(root=root)}, BASES)
    assert CIRCLE in line
    assert not list(option_problems({"s.example": HostOptions(unknown=root)}, BASES))
    both = {
        "s.example": HostOptions(root="http://b.example:8443"),
        "b.example:8443": HostOptions(root=root),
    }
    assert len(list(option_problems(both, BASES))) == 2


def test_its_www_is_elsewhere_if_it_says_so() -> None:
    for www in (True, False):
        own = HostOptions(root="https://www.s.example/", www=www)
        assert len(list(option_problems({"s.example": own}, BASES))) is int(www)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "ftp://example.org/",
            "example.org",
            "https://",
            "https://a b/",
            "https://u:p@example.org/",
        ),
        *(
            "javascript:alert(1)",
            "https://example.org/\r\nx: y",
            "https://e.example/" + "a" * 9000,
            "-",
        ),
    ],
)
def test_no_destination_of_links_is_none_here(address: str) -> None:
    assert "URL" in problem("s.example", address)
