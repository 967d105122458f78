"""Visits of a link as they are stored: many in one row, column by column.

What a visit takes of a block, at 56 visits a block: 4 to 6 bytes for its time behind the first one,
1 for what kind it is and how its address is written, 4 for an address of IPv4 (16 for one of IPv6,
3 and 6 if truncated), 1 to 3 each for the codes of user agent, referrer and language: 13 to 18
bytes, and half a byte for its share of the row.

A block is what its visits are, no more and no less: `unpacked(packed(visits)) == visits`, in their
order, which is that in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

import msgspec

from shortd.models.clicks import Code, Counts, Visit, VisitPack, VisitRecord
from shortd.store.schema import VISITS
from shortd.store.strings import Texts, given_back, taken
from shortd.store.txn import Txn, WriteTxn

_KIND = 0b11
_IS_REPEAT = 0b100
_FORM_SHIFT = 3
_NONE, _V4, _V6, _V4_CUT, _V6_CUT, _TEXT = range(6)
_SIZES = (0, 4, 16, 3, 6)
"""Bytes of an address by its form; a text has its length in two bytes before it."""
_LENGTH_BYTES = 2

NEWEST_VISITS = 56
NEWEST_BYTES = 990
"""Visits of a block, and of those in their link's row, and bytes of them: four rows fill a page of
LMDB. A visit that takes more by itself is a block."""
TAIL_VISITS = 8
TAIL_BYTES = 512
"""Visits that wait in their link's row to be packed, and bytes of them: one by one, it costs three
times the work."""

encode_pack = msgspec.msgpack.Encoder().encode
decode_pack = msgspec.msgpack.Decoder(VisitPack).decode
_encode_record = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(VisitRecord).decode


def packed(txn: WriteTxn, visits: Sequence[Visit]) -> VisitPack:
    """A new block of visits."""
    return extended(txn, VisitPack(), visits)


def extended(txn: WriteTxn, pack: VisitPack, visits: Sequence[Visit]) -> VisitPack:
    """A block with further visits behind its own. Takes over its lists."""
    return _with_records(pack, [_record(txn, visit) for visit in visits])


def recorded(txn: WriteTxn, visit: Visit) -> bytes:
    """A visit by itself, for `merged`."""
    return _encode_record(_record(txn, visit))


def merged(pack: VisitPack, tail: Sequence[bytes]) -> VisitPack:
    """A block with visits behind its own that were `recorded`. Takes over its lists."""
    return _with_records(pack, [*map(_decode_record, tail)])


def newest_of(counts: Counts) -> VisitPack:
    """The visits in their link's row."""
    pack = decode_pack(counts.newest) if counts.newest else VisitPack()
    return merged(pack, counts.tail)


def _record(txn: WriteTxn, visit: Visit) -> VisitRecord:
    form, raw = _packed_address(visit.address)
    form = form << _FORM_SHIFT | visit.kind & _KIND
    return VisitRecord(
        visit.utime,
        form | _IS_REPEAT if visit.is_repeat else form,
        raw,
        taken(txn, visit.user_agent),
        taken(txn, visit.referrer),
        taken(txn, visit.language),
        taken(txn, visit.country) if visit.country else 0,
    )


def _with_records(pack: VisitPack, records: Sequence[VisitRecord]) -> VisitPack:
    if not records:
        return pack
    pack.agents.extend([record.agent for record in records])
    pack.referrers.extend([record.referrer for record in records])
    pack.languages.extend([record.language for record in records])
    countries = pack.countries
    if countries or any([record.country for record in records]):
        countries += [0] * (len(pack.forms) - len(countries))
        countries += [record.country for record in records]
    base, times = _extended_times(pack, [record.utime for record in records])
    return VisitPack(
        base,
        times,
        pack.forms + bytes([record.form for record in records]),
        b"".join([pack.addresses, *[record.address for record in records]]),
        pack.agents,
        pack.referrers,
        pack.languages,
        countries,
    )


def unpacked(texts: Texts, pack: VisitPack, start: int = 0, stop: int | None = None) -> list[Visit]:
    """The visits of a block from one to before another, the first being 0."""
    part = pack if start == 0 and stop is None else cut(pack, start, stop)
    number = len(part.forms)
    visits = []
    at = 0
    for utime, form, agent, referrer, language, country in zip(
        utimes(part),
        part.forms,
        part.agents,
        part.referrers,
        part.languages,
        part.countries or [0] * number,
        strict=True,
    ):
        end = _address_end(part.addresses, at, form >> _FORM_SHIFT)
        address = _address(form >> _FORM_SHIFT, part.addresses[at:end])
        at = end
        visits.append(
            Visit(
                utime,
                form & _KIND,
                address,
                texts[agent],
                texts[referrer],
                texts[language],
                bool(form & _IS_REPEAT),
                texts[country],
            )
        )
    return visits


def utimes(pack: VisitPack) -> list[int]:
    """When the visits of a block were, in their order."""
    width = _width(pack)
    base, times = pack.base, pack.times
    if not width:
        return [base] * len(pack.forms)
    return [
        base + int.from_bytes(times[at : at + width], "big") for at in range(0, len(times), width)
    ]


def oldest_of(txn: Txn, link_id: int, counts: Counts) -> int | None:
    """When the oldest visit of a link was, in the order in which they came; None without any."""
    first = next(VISITS.scan(txn, (link_id,)), None)
    if first is not None:
        return utimes(first[1])[0]
    if counts.newest:
        return utimes(decode_pack(counts.newest))[0]
    return _decode_record(counts.tail[0]).utime if counts.tail else None


def cut(pack: VisitPack, start: int, stop: int | None = None) -> VisitPack:
    """The block of some of its visits. Nothing is said of uses."""
    number = len(pack.forms)
    start, stop, _ = slice(start, stop).indices(number)
    if start == 0 and stop == number:
        return pack
    width = _width(pack)
    forms = [form >> _FORM_SHIFT for form in pack.forms[:stop]]
    if max(forms, default=0) < _TEXT:
        ends = [0, *accumulate(_SIZES[form] for form in forms)]
    else:
        ends = [0]
        for form in forms:
            ends.append(_address_end(pack.addresses, ends[-1], form))
    return VisitPack(
        pack.base,
        pack.times[start * width : stop * width],
        pack.forms[start:stop],
        pack.addresses[ends[min(start, stop)] : ends[stop]],
        pack.agents[start:stop],
        pack.referrers[start:stop],
        pack.languages[start:stop],
        pack.countries[start:stop],
    )


def in_blocks(pack: VisitPack) -> list[VisitPack]:
    """The same visits in blocks none of which is too large, the last one perhaps being small."""
    number = len(pack.forms)
    if number > NEWEST_VISITS:
        parts = [
            cut(pack, start, start + NEWEST_VISITS) for start in range(0, number, NEWEST_VISITS)
        ]
    elif number > 1 and len(encode_pack(pack)) > NEWEST_BYTES:
        parts = [cut(pack, 0, number - number // 2), cut(pack, number - number // 2)]
    else:
        return [pack]
    return [block for part in parts for block in in_blocks(part)]


def codes(pack: VisitPack) -> Iterable[Code]:
    """All that a block has, each as often as it has it."""
    for column in (pack.agents, pack.referrers, pack.languages, pack.countries):
        yield from column


def give_back(txn: WriteTxn, pack: VisitPack) -> None:
    """Notes that the visits of a block are gone."""
    for column in (pack.agents, pack.referrers, pack.languages, pack.countries):
        given_back(txn, column)


def is_whole(pack: VisitPack) -> bool:
    """Whether the columns of a block that was read are of one length."""
    number = len(pack.forms)
    lengths = {len(pack.agents), len(pack.referrers), len(pack.languages), number}
    if len(lengths) > 1 or len(pack.countries) not in (0, number):
        return False
    at = 0
    for form in pack.forms:
        if form >> _FORM_SHIFT > _TEXT:
            return False
        at = _address_end(pack.addresses, at, form >> _FORM_SHIFT)
    return at == len(pack.addresses) and len(pack.times) == number * _width(pack)


def _width(pack: VisitPack) -> int:
    return len(pack.times) // len(pack.forms) if pack.forms else 0


def _extended_times(pack: VisitPack, more: Sequence[int]) -> tuple[int, bytes]:
    """Base and times with those of further visits."""
    width = _width(pack)
    base = pack.base if pack.forms else min(more)
    room = 1 << 8 * width
    behind = [utime - base for utime in more]
    if width and len(behind) == 1 and 0 <= behind[0] < room:
        return base, pack.times + behind[0].to_bytes(width, "big")
    if min(behind) < 0 or max(behind) >= room:
        every = [*utimes(pack), *more]
        base = min(every)
        behind = [utime - base for utime in every]
        width = (max(behind).bit_length() + 7) // 8
        return base, b"".join([one.to_bytes(width, "big") for one in behind])
    return base, pack.times + b"".join([one.to_bytes(width, "big") for one in behind])


def _address_end(addresses: bytes, at: int, form: int) -> int:
    if form < _TEXT:
        return at + _SIZES[form]
    return at + _LENGTH_BYTES + int.from_bytes(addresses[at : at + _LENGTH_BYTES], "big")


@lru_cache(maxsize=2048)
def _packed_address(address: str) -> tuple[int, bytes]:
    """The form of an address, and its bytes, of which `_address` makes the same text again."""
    if not address:
        return _NONE, b""
    for family, form, cut_form in ((AF_INET, _V4, _V4_CUT), (AF_INET6, _V6, _V6_CUT)):
        try:
            raw = inet_pton(family, address)
        except (OSError, ValueError):
            continue
        # Of IPv4 there is one spelling.
        if family == AF_INET6 and inet_ntop(family, raw) != address:
            break
        size = _SIZES[cut_form]
        return (form, raw) if any(raw[size:]) else (cut_form, raw[:size])
    raw = address.encode()[: (1 << 8 * _LENGTH_BYTES) - 1]
    return _TEXT, len(raw).to_bytes(_LENGTH_BYTES, "big") + raw


def _address(form: int, raw: bytes) -> str:
    if form == _NONE:
        return ""
    if form == _TEXT:
        return raw[_LENGTH_BYTES:].decode(errors="ignore")
    if form in (_V4, _V4_CUT):
        return inet_ntop(AF_INET, raw.ljust(_SIZES[_V4], b"\0"))
    return inet_ntop(AF_INET6, raw.ljust(_SIZES[_V6], b"\0"))
