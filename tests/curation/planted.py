"""A corpus of which is known what each step has to find: real text with planted faults.

The real text is the docstrings of the standard library, which every Python has, or any other list
of documents. Every planted document is marked by a number in a set that only tests look into.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

SPANISH = (
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un "
    "hidalgo de los de lanza en astillero, adarga antigua, rocín flaco y galgo corredor."
)
GERMAN = (
    "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett zu "
    "einem ungeheuren Ungeziefer verwandelt, und er lag auf seinem panzerartig harten Rücken."
)


@dataclass
class Planted:
    """`texts` in order; `of` names for each fault the numbers of the texts that have it.

    The first `real` texts are as they were found. `rows` are what a model would be tested on.
    """

    texts: list[str]
    real: int
    of: dict[str, set[int]] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)


def plant(real: Sequence[str], seed: int = 0, each: int = 60) -> Planted:
    """Return real documents with `each` documents of every fault among them.

    The rows that leak are of real documents that are then taken away, so that nothing else has
    them.
    """
    draw = random.Random(seed)
    known = list(dict.fromkeys(real))
    draw.shuffle(known)
    long = [text for text in known if len(text.split()) >= 60]
    if len(long) < 4 * each:
        raise ValueError(f"{len(long)} documents of 60 words are too few")
    tested = long[:each]
    rows = [" ".join(text.split()[5:30]) for text in tested]
    kept = [text for text in known if text not in set(tested)]
    made: dict[str, list[str]] = {
        "exact": long[each : 2 * each],
        "near": [edited(text, draw) for text in long[2 * each : 3 * each]],
        "leaked": [leaking(t, row, draw) for t, row in zip(long[3 * each :], rows, strict=False)],
        "language": [foreign(draw) for _ in range(each)],
        "repetition": [repeating(draw, kept) for _ in range(each)],
        "junk": [junk(draw) for _ in range(each)],
        "short": [f"Page {number} of {each}" for number in range(each)],
    }
    planted = Planted(kept, len(kept), rows=rows)
    for name, texts in made.items():
        start = len(planted.texts)
        planted.of[name] = set(range(start, start + len(texts)))
        planted.texts += texts
    return planted


def edited(text: str, draw: random.Random) -> str:
    """A copy set in other lines and cases, with another first word and a line at its end.

    Of 60 words or more nine runs of five in ten are the same: above any usual threshold.
    """
    words = text.split()
    words[0] = "Changed"
    if len(words) > 150:
        words[draw.randrange(20, len(words) - 20)] = "changed"
    whole = " ".join(words)
    return (whole.upper() if draw.random() < 0.5 else whole) + "\n\nReposted."


def leaking(text: str, row: str, draw: random.Random) -> str:
    """A document of which one paragraph quotes a row, otherwise set and with other punctuation."""
    quoted = row.upper() if draw.random() < 0.5 else row.replace(" ", "\n", 3)
    own = [f"{word}{draw.randrange(1000)}" for word in text.split()]
    head, tail = " ".join(own[:30]), " ".join(own[30:])
    return f"{head}\n\nAsked was: {quoted}!\n\n{tail}"


def foreign(draw: random.Random) -> str:
    """Words of one foreign language in an order of their own, so that no two are alike."""
    words = draw.choice((SPANISH, GERMAN)).split()
    return " ".join(draw.sample(words, len(words)))


def repeating(draw: random.Random, real: Sequence[str]) -> str:
    line = " ".join(draw.choice(real).split()[:8])
    return "\n".join([line, f"{draw.randrange(1000)} clicks"] + [line] * 12)


def junk(draw: random.Random) -> str:
    """Menus, numbers and marks, as scraped pages and tables leave them."""
    kinds = (
        lambda: "* " + " ".join("".join(draw.choices("abcdefgh", k=5)) for _ in range(3)),
        lambda: " ".join(str(draw.randrange(10**6)) for _ in range(6)),
        lambda: "# | # | ... | #" + str(draw.randrange(100)),
    )
    kind = draw.choice(kinds)
    return "\n".join(kind() for _ in range(25))


def personal(draw: random.Random) -> tuple[str, str]:
    """A sentence with one thing that names or reaches a person, and the kind of it."""
    number = draw.randrange(10, 99)
    found = draw.choice(
        [
            ("email", f"jane.doe{number}@mail-{number}.example.org"),
            ("email", f"j+{number}@example.co.uk"),
            ("ip", f"203.0.{number}.7"),
            ("ip", f"2001:db8:85a3::8a2e:370:{number}34"),
            ("phone", f"+44 20 7946 0{number}1"),
            ("phone", f"(212) 555-01{number}"),
            ("phone", f"415-555-01{number}"),
            ("card", with_check_digit(f"411111{number}2233445")),
            ("card", spaced(with_check_digit(f"55555{number}44433322"))),
            ("iban", iban("DE", f"3704004405320130{number}")),
            ("iban", iban("ES", f"210004184502000513{number}")),
        ]
    )
    return found[0], f"Write to {found[1]}, and say {number} hello."


def innocent(draw: random.Random) -> str:
    """A sentence with numbers and signs that reach nobody."""
    number = draw.randrange(10, 99)
    found = draw.choice(
        [
            f"version 1.2.{number}", f"section 3.1.4.1.5.{number}", f"p = 0.0{number}",
            f"in 2003-2004 and 1998-01-{number % 28 + 1:02}", "4111 1111 1111 1112",
            "DE00 3704 0044 0532 0130 00", f"a ratio of {number}:12:07", "user@localhost",
            f"@pytest.fixture{number}", "std::vector<int>::iterator", f"x[::{number}]",
            f"10,{number}0,000 of 12 345 678", f"isbn 978-3-16-1484{number}-0", "127.0.0.1",
            f"999.12.{number}.7", f"0x{number}ff:ab", f"doi 10.1016/j.cell.2019.0{number}.013",
        ]
    )  # fmt: skip
    return f"It says {found} in the text, and nothing else."


def with_check_digit(digits: str) -> str:
    """Digits with the one that the formula of Luhn asks for at their end."""
    for last in "0123456789":
        doubled = [int(d) * (1 + at % 2) for at, d in enumerate(reversed(digits + last))]
        if sum(sum(divmod(n, 10)) for n in doubled) % 10 == 0:
            return digits + last
    raise AssertionError("some digit fits")


def spaced(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def iban(country: str, account: str) -> str:
    """An account's number with its check digits (ISO 13616)."""
    number = int("".join(str(int(c, 36)) for c in account + country + "00"))
    return spaced(f"{country}{98 - number % 97:02}{account}")
