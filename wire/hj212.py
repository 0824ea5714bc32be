"""One HJ 212 frame: its check sum, its fields, and each way in which it departs from the standard; knows no stream.

Clauses are those of HJ 212-2017. A frame that is refused raises; one that is used lists its deviations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Final

from domain.errors import LocalProtocolError, RemoteProtocolError

HEAD: Final = b"##"
TAIL: Final = b"\r\n"
SEGMENT_BYTES_MAX = 1024
"""6.3.1: the data segment has 0–1024 characters."""
SEGMENT_BYTES_LIMIT = 9999
"""What four digits can say; longer than the standard allows, and sent all the same."""
AROUND_BYTES = 12
"""Head, length, check sum and tail."""
HOST = "91"
"""ST of what a host answers (6.6.1: system interaction)."""

Widths = Mapping[str, int]
_WIDTHS: Widths = {"QN": 17, "ST": 2, "CN": 4, "PW": 9, "MN": 27, "Flag": 3, "PNUM": 4, "PNO": 4}
"""Characters of a value at most (6.3.2, table 3); PW and MN as generous as the standard's own width with the name."""
_ORDER = tuple(_WIDTHS)
_REQUIRED = ("ST", "CN", "PW", "MN")
_NAMES = {name.lower(): name for name in (*_ORDER, "CP")}


class Deviation(StrEnum):
    """How a peer departed from the standard."""

    GARBAGE = "garbage"
    """Bytes that belong to no frame."""
    OVERSIZED = "oversized"
    CRC_WRONG = "crc-wrong"
    CRC_LOWER_CASE = "crc-lower-case"
    LENGTH_WRONG = "length-wrong"
    LENGTH_IN_CHARACTERS = "length-in-characters"
    """The length counts Chinese characters as one; the standard speaks of ASCII only and implementations differ."""
    TAIL_MISSING = "tail-missing"
    SEGMENT_TOO_LONG = "segment-too-long"
    ENCODING = "encoding"
    """Text that is not UTF-8 (read as GB 18030), or no text at all."""
    FIELD_ORDER = "field-order"
    FIELD_CASE = "field-case"
    FIELD_MISSING = "field-missing"
    FIELD_TWICE = "field-twice"
    FIELD_UNKNOWN = "field-unknown"
    FIELD_BAD = "field-bad"
    """A value that its field cannot have."""
    CP_UNENDED = "cp-unended"
    VERSION = "version"
    """Flag names another edition than the park's files; Flag alone proves none."""
    PACKET_NUMBER = "packet-number"
    """Packet numbers that Flag does not announce, or that contradict themselves."""
    SPLIT_INCOMPLETE = "split-incomplete"
    """Some packets of a report never came."""
    VALUE_BAD = "value-bad"
    """No number where one is wanted."""
    TIME_BAD = "time-bad"
    TIME_MISSING = "time-missing"
    TIME_AHEAD = "time-ahead"
    """Later than the gateway's clock."""
    FLAG_MISSING = "flag-missing"
    FLAG_UNKNOWN = "flag-unknown"
    FACTOR_UNKNOWN = "factor-unknown"
    """No point of the park's files takes this factor."""
    FACTOR_OTHER_EDITION = "factor-other-edition"
    SAMPLE_TIME_FROZEN = "sample-time-frozen"
    """The value changed and its SampleTime did not."""
    CN_UNKNOWN = "cn-unknown"


TOLERATED = frozenset({
    Deviation.GARBAGE, Deviation.LENGTH_IN_CHARACTERS, Deviation.CRC_LOWER_CASE, Deviation.VERSION,
    Deviation.FACTOR_UNKNOWN, Deviation.CN_UNKNOWN, Deviation.SPLIT_INCOMPLETE, Deviation.TIME_AHEAD,
    Deviation.SAMPLE_TIME_FROZEN,
})  # fmt: skip
"""Noted in strict mode too, but no reason to refuse a frame."""


class Refused(RemoteProtocolError):
    """A frame that is not used."""

    def __init__(self, why: Deviation, detail: str) -> None:
        super().__init__(f"{why.value}: {detail}")
        self.why = why


class FlagBits(IntFlag):
    """Bits of Flag (6.3.2): V5 V4 V3 V2 V1 V0 D A."""

    ANSWER = 1
    """An answer is wanted."""
    NUMBERED = 2
    """PNUM and PNO are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One packet."""

    qn: str | None
    """Time stamp of the request that it belongs to, yyyyMMddHHmmsszzz; None: not sent (2005 allows it)."""
    st: str
    cn: str
    pw: str
    mn: str
    flag: int | None
    """None: not sent."""
    pnum: int | None = None
    """Packets of this report."""
    pno: int | None = None
    """This packet, 1 … pnum."""
    cp: str = ""
    """What stands between the two `&&`."""
    deviations: tuple[Deviation, ...] = field(default=(), compare=False)

    @property
    def wants_answer(self) -> bool:
        """Whether the peer asks for an answer."""
        return bool((self.flag or 0) & FlagBits.ANSWER)

    @property
    def version(self) -> int:
        """0: 2005, 1: 2017, 2: 2025."""
        return (self.flag or 0) >> 2


def crc(data: bytes) -> int:
    """Return the check sum of a data segment (Annex A).

    It is not that of Modbus: each byte is combined with the register's high byte alone, so that 8 bits are left of the
    register and 256 values are possible.
    """
    register = 0xFFFF
    for byte in data:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def _shifted(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


_TABLE = tuple(_shifted(start) for start in range(256))


def encode(frame: Frame) -> bytes:
    """Return the bytes of `frame` as the standard writes them. Raises LocalProtocolError when it is too long."""
    values = {
        "QN": frame.qn, "ST": frame.st, "CN": frame.cn, "PW": frame.pw, "MN": frame.mn, "Flag": frame.flag,
        "PNUM": frame.pnum, "PNO": frame.pno,
    }  # fmt: skip
    head = ";".join(f"{name}={value}" for name, value in values.items() if value is not None)
    segment = f"{head};CP=&&{frame.cp}&&".encode()
    if len(segment) > SEGMENT_BYTES_LIMIT:
        message = f"a data segment of {len(segment)} bytes"
        raise LocalProtocolError(message)
    return b"##%04d%s%04X\r\n" % (len(segment), segment, crc(segment))


def decode_segment(data: bytes, noted: tuple[Deviation, ...] = ()) -> Frame:
    """Return the frame whose data segment is `data`; `noted` is what the stream found already.

    Raises Refused when its meaning is not plain.
    """
    found = list(noted)
    if len(data) > SEGMENT_BYTES_MAX:
        found.append(Deviation.SEGMENT_TOO_LONG)
    text = _text(data, found)
    head, cp = _divided(text, found)
    fields = _fields(head, found)
    for name in _REQUIRED:
        if name not in fields:
            raise Refused(Deviation.FIELD_MISSING, f"no {name}")
    if "QN" not in fields or "Flag" not in fields:
        found.append(Deviation.FIELD_MISSING)
    flag = _whole(fields, "Flag", 255)
    pnum, pno = _whole(fields, "PNUM", 9999), _whole(fields, "PNO", 9999)
    if _is_misnumbered(flag, pnum, pno):
        found.append(Deviation.PACKET_NUMBER)
        if pnum is not None and pno is not None and not 1 <= pno <= pnum:
            pnum = pno = None
    return Frame(
        qn=fields.get("QN"),
        st=fields["ST"],
        cn=fields["CN"],
        pw=fields["PW"],
        mn=fields["MN"],
        flag=flag,
        pnum=pnum,
        pno=pno,
        cp=cp,
        deviations=tuple(dict.fromkeys(found)),
    )


def _text(data: bytes, found: list[Deviation]) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        found.append(Deviation.ENCODING)
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError as error:
        raise Refused(Deviation.ENCODING, "neither UTF-8 nor GB 18030") from error


def _divided(text: str, found: list[Deviation]) -> tuple[str, str]:
    """Return what stands before CP and what stands between the two gates."""
    at = text.lower().find("cp=")
    if at < 0:
        raise Refused(Deviation.FIELD_MISSING, "no CP")
    if text[at : at + 2] != "CP":
        found.append(Deviation.FIELD_CASE)
    head, rest = text[:at], text[at + 3 :]
    if not rest.startswith("&&"):
        found.append(Deviation.CP_UNENDED)
        return head, rest.removesuffix("&&")
    inner, gate, after = rest[2:].partition("&&")
    if not gate or after.strip():
        found.append(Deviation.CP_UNENDED)
    return head, inner


def _fields(head: str, found: list[Deviation]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in head.split(";"):
        if not part:
            continue
        written, equals, value = part.partition("=")
        name = _NAMES.get(written.strip().lower())
        if name is None or not equals:
            found.append(Deviation.FIELD_UNKNOWN)
            continue
        if name != written:
            found.append(Deviation.FIELD_CASE)
        if name in fields:
            raise Refused(Deviation.FIELD_TWICE, name)
        if len(value) > _WIDTHS.get(name, 0) or not value.isprintable():
            raise Refused(Deviation.FIELD_BAD, f"{name} of {len(value)} characters")
        if name != "PW" and value != value.strip():
            found.append(Deviation.FIELD_BAD)
        fields[name] = value if name == "PW" else value.strip()
    if list(fields) != [name for name in _ORDER if name in fields]:
        found.append(Deviation.FIELD_ORDER)
    return fields


def _whole(fields: Mapping[str, str], name: str, most: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and int(value) <= most):
        raise Refused(Deviation.FIELD_BAD, f"{name}={value}")
    return int(value)


def _is_misnumbered(flag: int | None, pnum: int | None, pno: int | None) -> bool:
    is_numbered = pnum is not None and pno is not None
    is_announced = bool((flag or 0) & FlagBits.NUMBERED)
    is_sound = pnum is None or pno is None or 1 <= pno <= pnum
    return (pnum is None) != (pno is None) or is_numbered != is_announced or not is_sound
