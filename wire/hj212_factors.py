"""The factors of HJ 212: their codes in the editions of 2005 and of 2017 and later, their words, and the unit they are sent in.

Metals are a trap: mercury, cadmium, hexavalent chromium, arsenic and lead are sent in µg/L while GB 3838-2002 limits them
in mg/L; flow is sent in L/s and its total in m³. What stands here is the standard's default; a park's file may say otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.logger import FAULTY, ReportKind
from domain.words import Words

FLOW = "w00000"
TOTAL = "Cou"
"""Sum of a period: volume of a flow, mass of a substance."""

COMMANDS: Mapping[ReportKind, str] = {
    ReportKind.REALTIME: "2011",
    ReportKind.STATE: "2021",
    ReportKind.DAY: "2031",
    ReportKind.RUN_TIME: "2041",
    ReportKind.MINUTE: "2051",
    ReportKind.HOUR: "2061",
}
"""CN of the upload of each kind (6.6.5); a request for past ones has the same."""
KINDS = {command: kind for kind, command in COMMANDS.items()}


@dataclass(frozen=True, slots=True)
class Listed:
    """One factor of the standard."""

    code: str
    """Since 2017 (HJ 524)."""
    old_code: str | None
    """Of HJ/T 212-2005; None: not known to us."""
    words: Words
    unit: str
    """A name of domain.units."""
    old_unit: str | None = None
    """Unit of the old code where it is sure; None: the park's file has to say it."""


def _listed(code: str, old: str, zh: str, en: str, unit: str) -> Listed:
    is_sure = unit != "ug_L"
    return Listed(code, old or None, Words(zh, en), unit, unit if is_sure else None)


_LIST = (
    _listed(FLOW, "B01", "流量", "flow", "L_s"),
    _listed("w01001", "001", "pH", "pH", "pH"),
    _listed("w01002", "", "色度", "colour", ""),
    _listed("w01003", "", "浊度", "turbidity", "NTU"),
    _listed("w01009", "", "溶解氧", "dissolved oxygen", "mg_L"),
    _listed("w01010", "", "水温", "water temperature", "degC"),
    _listed("w01012", "", "悬浮物", "suspended solids", "mg_L"),
    _listed("w01014", "", "电导率", "conductivity", "uS_cm"),
    _listed("w01017", "", "五日生化需氧量", "BOD5", "mg_L"),
    _listed("w01018", "011", "化学需氧量", "COD", "mg_L"),
    _listed("w01019", "", "高锰酸盐指数", "permanganate index", "mg_L"),
    _listed("w01020", "", "总有机碳", "TOC", "mg_L"),
    _listed("w20111", "", "总汞", "mercury", "ug_L"),
    _listed("w20115", "022", "总镉", "cadmium", "ug_L"),
    _listed("w20116", "023", "总铬", "chromium", "mg_L"),
    _listed("w20117", "024", "六价铬", "hexavalent chromium", "ug_L"),
    _listed("w20119", "026", "总砷", "arsenic", "ug_L"),
    _listed("w20120", "027", "总铅", "lead", "ug_L"),
    _listed("w20121", "028", "总镍", "nickel", "mg_L"),
    _listed("w20122", "029", "总铜", "copper", "mg_L"),
    _listed("w20123", "030", "总锌", "zinc", "mg_L"),
    _listed("w20124", "031", "总锰", "manganese", "mg_L"),
    _listed("w20125", "032", "总铁", "iron", "mg_L"),
    _listed("w21001", "065", "总氮", "total nitrogen", "mg_L"),
    _listed("w21003", "060", "氨氮", "ammonia nitrogen", "mg_L"),
    _listed("w21011", "101", "总磷", "total phosphorus", "mg_L"),
    _listed("w21016", "070", "氰化物", "cyanide", "mg_L"),
    _listed("w21017", "", "氟化物", "fluoride", "mg_L"),
    _listed("w21019", "", "硫化物", "sulphide", "mg_L"),
    _listed("w22001", "", "石油类", "petroleum", "mg_L"),
    _listed("w23002", "110", "挥发酚", "volatile phenol", "mg_L"),
    _listed("a34002", "", "可吸入颗粒物", "PM10", "ug_m3"),
    _listed("a34004", "", "细颗粒物", "PM2.5", "ug_m3"),
    _listed("a01001", "", "气温", "air temperature", "degC"),
    _listed("a01002", "", "湿度", "humidity", "percent"),
    _listed("a01007", "", "风速", "wind speed", "m_s"),
)
FACTORS: Mapping[str, Listed] = {item.code: item for item in _LIST}
OLD_FACTORS: Mapping[str, Listed] = {item.old_code: item for item in _LIST if item.old_code is not None}

_NUMBERED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"e312\d\d\Z"), "m"),
    (re.compile(r"e[46]16\d\d\Z"), "m"),
    (re.compile(r"(e311|e413|e512|e615|e708)\d\d\Z"), ""),
    (re.compile(r"i12001\Z"), ""),
)
"""Process codes with a number behind: levels of tanks and lift wells, states of valves, state of the instrument."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{1,7}\Z|[0-9]{2}[0-9A-Za-z]\Z|SB\d{1,3}\Z")


def is_code(text: str) -> bool:
    """Whether `text` may be the code of a factor or of a facility (SB1)."""
    return _CODE.match(text) is not None


def words_of(code: str) -> Words | None:
    """Return what the standard calls a factor; None when it is not in our table."""
    found = FACTORS.get(code) or OLD_FACTORS.get(code)
    return None if found is None else found.words


def other_code(code: str) -> str | None:
    """Return the same factor's code in the other edition; None when there is none."""
    if code in FACTORS:
        return FACTORS[code].old_code
    return OLD_FACTORS[code].code if code in OLD_FACTORS else None


def sent_unit(code: str, field: str) -> str | None:
    """Return the unit in which the standard has `code-field` sent; None when only the site can know."""
    match field:
        case "RS":
            return ""
        case _ if field == FAULTY:
            return ""
        case "RT":
            return "h"
        case _ if field == TOTAL:
            return "m3" if code in {FLOW, FACTORS[FLOW].old_code} else "kg"
    if code in FACTORS:
        return FACTORS[code].unit
    if code in OLD_FACTORS:
        return OLD_FACTORS[code].old_unit
    return next((unit for pattern, unit in _NUMBERED if pattern.match(code)), None)
