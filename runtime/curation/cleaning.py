"""Steps that rewrite a text: Unicode and whitespace, and what names a person."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .steps import Step

# Line breaks that are not \n, and spaces that are not " " (Unicode 15, categories Zs and Zl).
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Controls but tab and line break, and what is invisible and joins nothing: soft hyphen, zero width
# space, word joiner, byte order mark. The joiners of Persian, Indic scripts and emoji stay.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_INNER = re.compile(r"(?<=\S) {2,}(?=\S)")
_MANY_BREAKS = re.compile(r"\n{3,}")


class Clean(Step):
    """One form for each character, no control characters, whitespace without surprises.

    Spaces at the beginning of a line stay: in code they mean something.
    """

    type = "clean"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.form, self.controls, self.whitespace = (
            options[name] for name in ("unicode", "controls", "whitespace")
        )

    def judge(self, text: str) -> str | None:
        if self.form != "none":
            text = unicodedata.normalize(self.form.upper(), text)
        if self.controls:
            text = _INVISIBLE.sub("", _BREAKS.sub("\n", text))
        if self.whitespace:
            text = _TRAILING.sub("", _SPACES.sub(" ", text))
            text = _MANY_BREAKS.sub("\n\n", _INNER.sub(" ", text)).strip("\n") + "\n"
        return text


_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_CARD = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{2,6}){2,4}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w/]|[.-]\d)"
)


def _luhn(digits: str) -> bool:
    """Tell whether a card's check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


# Beginnings and lengths of the numbers that the large issuers give out.
_ISSUED = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6[045]\d{14}"
)


def _is_card(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    return _ISSUED.fullmatch(digits) is not None and len(set(digits)) > 1 and _luhn(digits)


def _is_iban(found: str) -> bool:
    """ISO 13616: letters are numbers from 10, the first four go last, and 97 leaves 1."""
    plain = found.replace(" ", "")
    return 15 <= len(plain) <= 34 and int(
        "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    ) % 97 == 1  # fmt: skip


def _is_address(found: str) -> bool:
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    plain = address.is_loopback or address.is_unspecified
    return not plain and (address.version == 4 or found.count(":") > 2)


def _is_phone(found: str) -> bool:
    return 9 <= len(re.sub(r"\D", "", found)) <= 15


_KINDS: dict[str, tuple[tuple[re.Pattern[str], ...], Callable[[str], bool] | None]] = {
    "email": ((_EMAIL,), None),
    "iban": ((_IBAN,), _is_iban),
    "card": ((_CARD,), _is_card),
    "ip": ((_IPV4, _IPV6), _is_address),
    "phone": ((_PHONE,), _is_phone),
}
"""What is masked, in this order: patterns, and what a match has to satisfy besides."""


AROUND = 60
"""Characters shown on either side of what was masked."""


class Pii(Step):
    """Writes `[EMAIL]`, `[IP]`, `[PHONE]`, `[CARD]` and `[IBAN]` for what names or reaches a
    person."""

    type = "pii"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.kinds = [kind for kind in _KINDS if kind in options["kinds"]]

    def judge(self, text: str) -> str | None:
        for kind in self.kinds:
            patterns, holds = _KINDS[kind]
            for pattern in patterns:
                text = pattern.sub(partial(self._mask, kind, holds), text)
        for kind in self.kinds:  # after all is masked: a sample shows where, and nothing of what
            place = text.find(f"[{kind.upper()}]")
            if place >= 0:
                self.report.sample(kind, text[max(0, place - AROUND) : place + AROUND])
        return text

    def _mask(self, kind: str, holds: Callable[[str], bool] | None, match: re.Match[str]) -> str:
        if holds is not None and not holds(match[0]):
            return match[0]
        self.report.parts[kind] += 1
        return f"[{kind.upper()}]"
