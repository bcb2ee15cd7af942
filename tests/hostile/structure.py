"""Texts of hostile structure, and what every family of texts is made with.

No code means that the text is harmless and has to be accepted. Each is a whole spec or is
completed to one, so that nothing is refused only for being incomplete.
"""

from __future__ import annotations

from typing import NamedTuple

from nivel.compiler.examples import BASE, complete

DEEP = 100_000
MANY = 100_000


class Text(NamedTuple):
    """One hostile file; ``codes`` are those of which one at least must be among the findings.

    ``either``: accepted or refused, as long as it is quick.
    """

    name: str
    content: bytes
    codes: frozenset[str]
    either: bool = False


def hostile(name: str, content: str | bytes, *codes: str) -> Text:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return Text(name, raw, frozenset(codes))


def described(value: str) -> str:
    return complete(f"description: {value}\n")


def asked(template: str) -> str:
    lines = template.splitlines() or [""]
    block = "".join(f"    {line}\n" for line in lines)
    return complete(f"task:\n  type: classify\n  labels: [email, xml]\n  input: |\n{block}")


def bombs() -> list[Text]:
    laughs = ["a0: &a0 [lol]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    merges = ["m0: &m0 {x: 1}"]
    merges += [f"m{n}: &m{n}\n  <<: [{', '.join([f'*m{n - 1}'] * 9)}]" for n in range(1, 12)]
    quadratic = "a: &a [" + ",".join(["x"] * 9000) + "]\n"
    quadratic += "b: [" + ",".join(["*a"] * 9000) + "]\n"
    return [
        hostile("billion laughs", "\n".join(laughs), "NV105"),
        hostile("merge keys over merge keys", "\n".join(merges), "NV105"),
        hostile("quadratic aliases", quadratic, "NV105"),
        hostile("alias to itself", "a: &a [*a]\n", "NV105"),
        hostile("alias as a key", "&a a: 1\n*a : 2\n", "NV105", "NV113"),
        hostile("alias of nothing", "a: *nothing\n", "NV105", "NV101"),
    ]


def depths() -> list[Text]:
    return [
        hostile("deep flow lists", "a: " + "[" * DEEP, "NV110"),
        hostile("deep flow maps", "a: " + "{a: " * DEEP, "NV110"),
        hostile("deep block lists", "- " * DEEP, "NV110"),
        hostile("deep block maps", "".join(" " * n + "a:\n" for n in range(1200)), "NV110"),
        hostile("deep explicit keys", "? " * DEEP, "NV110", "NV113"),
        hostile("deep braces as keys", "{" * DEEP, "NV110", "NV103", "NV113", "NV101"),
        hostile("deep lists as keys", "[[" + "{[" * DEEP, "NV110", "NV113", "NV101"),
        hostile("closed deep lists", "a: " + "[" * 5000 + "]" * 5000, "NV110"),
    ]


def sizes() -> list[Text]:
    list_at_cap = "a: [" + "1," * 60_000 + "]"
    return [
        hostile("over the size cap", "# " + "x" * 1_100_000 + "\n" + BASE["prompt"], "NV110"),
        hostile("list of 100,000", "a: [" + "1," * MANY + "]", "NV110"),
        hostile("list below any cap", list_at_cap, "NV110", "NV203"),
        hostile("block list of 100,000", "a:\n" + "- 1\n" * MANY, "NV110"),
        hostile("map of 100,000", f"{{{', '.join(f'k{n}: 1' for n in range(70_000))}}}", "NV110"),
        hostile("100,000 keys", "".join(f"k{n}: 1\n" for n in range(MANY - 20_000)), "NV110"),
        hostile("9,000 unknown keys", BASE["prompt"] + _keys(9_000), "NV201"),
        hostile("9,000 keys near a known one", BASE["prompt"] + _keys(9_000, "sed"), "NV201"),
        hostile("one key 40,000 times", "a: 1\n" * 40_000, "NV104", "NV110"),
        hostile("9,000 labels", _labels(f"l{n}" for n in range(9_000))),
        hostile("9,000 equal labels", _labels("x" for _ in range(9_000)), "NV208"),
        hostile("9,000 numbers as labels", _labels(str(n) for n in range(9_000)), "NV204"),
        hostile("9,000 labels that differ in case", _labels(_cases()), "NV327"),
        hostile("9,000 columns", _columns(9_000)),
        hostile("9,000 bad column names", _columns(9_000, "-"), "NV207"),
        hostile("900 adapter targets", _targets(900)),
        hostile("9,000 equal adapter targets", _targets(9_000, "q"), "NV315"),
        hostile("9,000 bad metrics", _metrics(9_000), "NV205"),
        hostile("long line", described("x" * 900_000)),
        hostile("long quoted line", described('"' + "x\\u00e9" * 120_000 + '"')),
        hostile("long key", BASE["prompt"] + "k" * 900_000 + ": 1\n", "NV101", "NV201"),
        hostile("long explicit key", BASE["prompt"] + '? "' + "k" * 900_000 + '"\n: 1\n', "NV201"),
        hostile("long name", BASE["prompt"].replace("example", "e" * 900_000), "NV207"),
        hostile("long number", BASE["prompt"] + "seed: " + "1" * 900_000, "NV111"),
        hostile("many lines of comments", "#\n" * 400_000 + BASE["prompt"]),
        hostile("many empty lines", "\n" * 900_000 + BASE["prompt"]),
        hostile("many fields on one line", "{" + "a: {}, " * 4000 + "}", "NV104"),
    ]


def _keys(count: int, stem: str = "key") -> str:
    return "".join(f"{stem}{n}: 1\n" for n in range(count))


def _cases() -> list[str]:
    return ["".join(c.upper() if n >> i & 1 else c for i, c in enumerate("abcdefghijklm"))
            for n in range(8192)]  # fmt: skip


def _labels(labels: object) -> str:
    joined = ", ".join(labels)  # type: ignore[call-overload]
    return complete(f'task: {{type: classify, labels: [{joined}], input: "{{{{ text }}}}"}}\n')


def _columns(count: int, mark: str = "_") -> str:
    names = ", ".join(f"c{mark}{n}: text" for n in range(count))
    data = "{train: {builtin: python-docs, split: train}, test: {builtin: python-docs, split: test}"
    return complete(f"data: {data}, columns: {{text: text, label: label, {names}}}}}\n")


def _targets(count: int, same: str = "") -> str:
    names = ", ".join(same or f"t{n}" for n in range(count))
    return complete(f"method: {{type: lora, targets: [{names}]}}\n")


def _metrics(count: int) -> str:
    return complete(f"evaluate: {{metrics: [{', '.join(f'm{n}' for n in range(count))}]}}\n")
