"""Hostile templates, and long near misses of every pattern that reads a spec's text."""

from __future__ import annotations

from nivel.compiler.examples import BASE, complete

from .structure import Text, asked, described, hostile


def templates() -> list[Text]:
    deep_for = "".join("{% for a in text %}" for _ in range(3000)) + "{{ a }}"
    deep_for += "{% endfor %}" * 3000
    return [
        hostile("deep loops", asked(deep_for), "NV320"),
        hostile("deep conditions", asked("{% if text %}" * 5000), "NV320"),
        hostile(
            "30 loops",
            asked("{% for a in text %}" * 30 + "{{ a }}" + "{% endfor %}" * 30),
            "NV320",
        ),
        hostile(
            "deep brackets", asked("{{ " + "(" * 20_000 + "text" + ")" * 20_000 + " }}"), "NV320"
        ),
        hostile("deep lists in a template", asked("{{ " + "[" * 20_000 + " }}"), "NV320"),
        hostile("chain of filters", asked("{{ text" + "|upper" * 20_000 + " }}"), "NV320"),
        hostile("chain of attributes", asked("{{ text" + ".a" * 20_000 + " }}"), "NV320"),
        hostile("chain of calls", asked("{{ text" + "()" * 20_000 + " }}"), "NV320"),
        hostile("chain of sums", asked("{{ text" + " + 1" * 20_000 + " }}"), "NV320"),
        hostile("chain of comparisons", asked("{{ text" + " < 1" * 20_000 + " }}"), "NV320"),
        hostile("chain of nots", asked("{{ " + "not " * 20_000 + "text }}"), "NV320"),
        hostile("chain of minus signs", asked("{{ " + "-" * 20_000 + "text }}"), "NV320"),
        hostile("power tower", asked("{{ text }}{{ 9**9**9**9 }}"), "NV365"),
        hostile("long string product", asked("{{ text }}{{ 'a' * 10**9 }}"), "NV365"),
        hostile("large range", asked("{{ text }}{% for i in range(10**9) %}{% endfor %}"), "NV365"),
        hostile("100,000 characters", asked("{{ text }} " + "x" * 100_000)),
        hostile("900,000 open braces", asked("{" * 900_000), "NV320"),
        hostile("900,000 open and close braces", asked("{{ text }}" + "{{" * 300_000), "NV320"),
        hostile("900,000 spaces in braces", asked("{{ " + " " * 800_000 + "text"), "NV320"),
        hostile("50,000 names", asked("{{ text }}" * 50_000)),
        hostile(
            "5,000 unknown names", asked(" ".join(f"{{{{ n{n} }}}}" for n in range(5000))), "NV321"
        ),
        hostile("5,000 expressions", asked("{{ text.x }}" * 5000), "NV320"),
        hostile("huge number in a template", asked("{{ text[" + "9" * 10_000 + "] }}"), "NV320"),
        hostile("open comment", asked("{{ text }}" + "{#" * 200_000), "NV320"),
        hostile("raw without end", asked("{{ text }}{% raw %}" + "x" * 200_000), "NV320"),
        hostile("include", asked("{{ text }}{% include '/etc/passwd' %}"), "NV365"),
        hostile("import", asked("{{ text }}{% import '/etc/passwd' as x %}"), "NV365"),
        hostile("extends in a template", asked("{% extends '/etc/passwd' %}{{ text }}"), "NV365"),
        hostile("way out of the sandbox", asked("{{ text.__class__.__mro__ }}"), "NV365"),
        hostile("way out by a filter", asked("{{ text|attr('__class__') }}"), "NV365"),
        hostile("line statements", asked("# for x in text\n{{ text }}\n# endfor")),
    ]


def patterns() -> list[Text]:
    """Long near misses of every pattern that reads a spec's text: a slow one would hang here."""
    near = {
        "name": BASE["prompt"].replace("example", "a-" * 200_000 + "!"),
        "hub id": BASE["prompt"].replace("org/name", "a." * 200_000 + "/" + "b." * 200_000 + "!"),
        "package": BASE["prompt"].replace("org/name", "pkg:a" + "/a.a" * 200_000 + "!"),
        "run": BASE["prompt"].replace("org/name", "run:" + "a-" * 200_000 + "!"),
        "key": described("sk-" * 300_000 + "a1" * 20),
        "key again": described("sk-" + "a1" * 400_000),
        "colon": BASE["prompt"] + "a: b: " * 100_000,
        "number": BASE["prompt"] + "seed: " + "1" * 400_000 + "x\n",
        "number with points": BASE["prompt"] + "seed: " + "1." * 400_000 + "\n",
        "underscores": BASE["prompt"] + f'seed: "{"1_" * 400_000}"\n',
        "template name": asked("{{ " + "a" * 400_000 + " "),
        "template caret": asked("{% if " + "x " * 100_000 + "%}{% endif %}{{ text }}{{ nope }}"),
    }
    expected = {"name": "NV207", "hub id": "NV312", "package": "NV312", "run": "NV312",
                "key": "NV350", "key again": "NV350", "colon": "NV101", "number": "NV204",
                "number with points": "NV204", "underscores": "NV204", "template name": "NV320",
                "template caret": "NV320"}  # fmt: skip
    words = ("eyJ-", "eyJaaaaaaaaaa.", "eyJaaaaaaaaaa.eyJ-", "sk-a", "a-", "a.", "a://", "a://b:", "://",
             "://b:c", "hf_", "SG.", "xoxb-", "-----BEGIN ", "-----BEGIN A ", "A ", "sig=", "ghp_",
             "AccountKey=", "{{", "{{ ", "{{ a", "{% ", "{{-", "}}", "{", "}", "%}", "../", "./",
             "a/", "pkg:", "run:", "git+", "git+https://a", "@", "#", "\u00e9",
             " ", "=")  # fmt: skip
    repeated = [
        Text(f"{word!r} again and again in {place}", text.encode(), frozenset(), either=True)
        for word in words
        for place, text in _places(word * (60_000 // len(word))).items()
    ]
    found = [hostile(f"near miss: {name}", text, expected[name]) for name, text in near.items()]
    return [*found, *repeated]


def _places(text: str) -> dict[str, str]:
    return {
        "a value": complete(f'description: "{text}"\n'),
        "a model": BASE["prompt"].replace("org/name", f'"{text}"'),
        "a template": asked(f"{{{{ text }}}} {text}"),
    }
