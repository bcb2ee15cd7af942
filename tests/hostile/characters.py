"""Texts of hostile characters, numbers and grammar."""

from __future__ import annotations

import codecs

from nivel.compiler.examples import BASE, complete

from .structure import Text, asked, described, hostile


def encodings() -> list[Text]:
    spec = BASE["prompt"]
    wide = {
        "UTF-16 with a BOM": spec.encode("utf-16"),
        "UTF-16 little endian": codecs.BOM_UTF16_LE + spec.encode("utf-16-le"),
        "UTF-16 big endian": codecs.BOM_UTF16_BE + spec.encode("utf-16-be"),
        "UTF-32 with a BOM": spec.encode("utf-32"),
        "UTF-16 without a BOM": spec.encode("utf-16-le"),
        "UTF-8 cut in two": spec.encode() + "description: é".encode()[:-1],
        "overlong slash": spec.encode() + b"description: \xc0\xaf\n",
        "lone surrogate in UTF-8": spec.encode() + b"description: \xed\xa0\x80\n",
        "beyond Unicode": spec.encode() + b"description: \xf4\x90\x80\x80\n",
        "random bytes": bytes(range(256)) * 20,
        "a program": b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 200,
    }
    found = [hostile(name, raw, "NV107", "NV108") for name, raw in wide.items()]
    return [
        *found,
        hostile("UTF-8 with a BOM", codecs.BOM_UTF8 + spec.encode()),
        hostile("two BOMs", codecs.BOM_UTF8 * 2 + spec.encode(), "NV114", "NV101"),
        hostile("a BOM inside", described("a\ufeffb"), "NV114"),
        hostile("empty file", b"", "NV203", "NV204"),
        hostile("only a BOM", codecs.BOM_UTF8, "NV203", "NV204"),
    ]


def characters() -> list[Text]:
    raw = {f"U+{code:04X}": chr(code) for code in (0, 1, 7, 8, 0xB, 0xC, 0x1B, 0x7F, 0x80, 0x9F)}
    bidi = {f"U+{code:04X}": chr(code) for code in (0x202A, 0x202B, 0x202C, 0x202D, 0x202E,
                                                    0x2066, 0x2067, 0x2068, 0x2069, 0x2028,
                                                    0x2029, 0x85)}  # fmt: skip
    unseen = {f"U+{code:04X}": chr(code) for code in (0x200B, 0x2060, 0xFEFF, 0xE0041, 0x00AD)}
    found = [
        hostile(f"{name} in a value", described(f"a{char}b"), "NV108") for name, char in raw.items()
    ]
    found += [
        hostile(f"{name} in {place}", content.replace("@", char), "NV114")
        for name, char in {**bidi, **unseen}.items()
        for place, content in _PLACES.items()
    ]
    escapes = ("\\0", "\\u0000", "\\ud800", "\\udfff", "\\ud83d\\ude00", "\\x00")
    found += [
        hostile(f"escape {escape}", described(f'"a{escape}b"'), "NV108", "NV101")
        for escape in escapes
    ]
    found += [
        hostile("escape \\u202e", described('"a\\u202eb"')),
        hostile("escape \\e", described('"a\\e[31mb"')),
        hostile("Persian joiner", described("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")),
        hostile("emoji of a family", described("\U0001f468\u200d\U0001f469\u200d\U0001f467")),
        hostile(
            "Arabic and Hebrew",
            described("\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd"),
        ),
        hostile("letter that looks like another", BASE["prompt"] + "s\u0435ed: 1\n", "NV201"),
        hostile("lone carriage returns", BASE["prompt"].replace("\n", "\r")),
        hostile("marks of direction", described("\u200e\u05d0\u200f\u061c")),
        hostile("line separators", BASE["prompt"].replace("\n", "\u2028"), "NV114"),
        hostile("full of hidden characters", described("\u202e" * 100_000), "NV114"),
    ]
    return found


_PLACES = {
    "a comment": BASE["prompt"] + "# a@b\n",
    "a value": described("a@b"),
    "a key": BASE["prompt"] + "a@b: 1\n",
    "a template": asked("{{ text }}@ x"),
}


def numbers() -> list[Text]:
    words = (".nan", ".NaN", ".inf", "-.INF", "1e999", "-1e999", "1" * 10_000, "-" + "9" * 5000,
             "0x" + "f" * 5000, "0o" + "7" * 5000, "1e" + "9" * 5000, "1." + "0" * 5000 + "1e999",
             "9" * 400 + ".5")  # fmt: skip
    found = [
        hostile(f"seed {word[:12]}", BASE["prompt"] + f"seed: {word}\n", "NV111") for word in words
    ]
    fractions = ("0." + "0" * 5000 + "1", "1e-999", "NaN", "inf", "Infinity", "1_000", "0b11",
                 "1:30", "2024-01-01", "'1'", "true", "~", "1e400000000", "-0", "1.0")  # fmt: skip
    found += [
        hostile(f"learning_rate {word[:12]}", _rate(word), "NV111", "NV204", "NV206")
        for word in fractions
    ]
    found += [
        hostile(f"seed, quoted, {count}", BASE["prompt"] + f"seed: '{count * '7'}'\n", "NV204")
        for count in (10, 50, 5000, 500_000)
    ]
    found += [hostile("huge but whole", BASE["prompt"] + "seed: 1e300\n", "NV206", "NV204")]
    found += [hostile("huge sizes", _sized("9" * 38), *_ANY_SIZE)]
    found += [hostile("huge float sizes", _sized("1e300"), *_ANY_SIZE)]
    return found


_ANY_SIZE = ("NV206", "NV310", "NV311", "NV301", "NV303", "NV302")


def _rate(word: str) -> str:
    return complete(f"train: {{epochs: 1, batch: 16, learning_rate: {word}}}\n").replace(
        "learning_rate: 1.0", "learning_rate: 1.1"
    )


def _sized(number: str) -> str:
    sizes = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
             "num_key_value_heads", "max_position_embeddings")  # fmt: skip
    model = ", ".join(f"{size}: {number}" for size in sizes)
    return complete(
        f"level: pretrain\nmodel: {{architecture: llama, {model}}}\n"
        f"tokenizer: {{type: byte-bpe, vocab_size: 512}}\ntrain: {{tokens: {number}, "
        f"batch: {number}, sequence_length: {number}, learning_rate: 1}}\n"
    )


def grammar() -> list[Text]:
    spec = BASE["prompt"]
    return [
        hostile(
            "python object", spec + "seed: !!python/object/apply:os.system ['true']\n", "NV106"
        ),
        hostile("python name", spec + "seed: !!python/name:os.system\n", "NV106"),
        hostile("tag of its own", spec + "seed: !secret 1\n", "NV106"),
        hostile("binary tag", spec + "description: !!binary aGk=\n", "NV106"),
        hostile("set tag", spec + "description: !!set {a, b}\n", "NV106"),
        hostile("tag handle", "%TAG ! tag:evil,2000:\n---\n" + spec + "seed: !x 1\n", "NV106"),
        hostile("long tag", spec + f"seed: !{'x' * 500_000} 1\n", "NV106", "NV101"),
        hostile("YAML 1.1 directive", "%YAML 1.1\n---\n" + spec),
        hostile("YAML 3.0 directive", "%YAML 3.0\n---\n" + spec, "NV101"),
        hostile("directive twice", "%YAML 1.1\n%YAML 1.1\n---\n" + spec, "NV101"),
        Text("unknown directive", ("%EVIL yes\n---\n" + spec).encode(), frozenset(), either=True),
        hostile("two documents", spec + "---\n" + spec, "NV112"),
        hostile("thousands of documents", "---\n" * 100_000, "NV112"),
        hostile("document ends", spec + "...\n" * 100_000),
        hostile("same key, other quotes", spec + "seed: 1\n\"seed\": 2\n's\\x65ed': 3\n", "NV104"),
        hostile("same key by escape", spec + 'seed: 1\n"s\\x65ed": 2\n', "NV104"),
        hostile("same key as explicit key", spec + "seed: 1\n? seed\n: 2\n", "NV104"),
        hostile("key that is a list", spec + "? [seed]\n: 1\n", "NV113"),
        hostile("key that is a map", spec + "? {seed: 1}\n: 1\n", "NV113"),
        hostile("key that is null", spec + "? \n: 1\n", "NV113", "NV201"),
        hostile("key that is a number", spec + "1: 1\n", "NV201"),
        hostile("key that is true", spec + "true: 1\n", "NV201"),
        hostile("key that is empty", spec + '"": 1\n', "NV201"),
        hostile("key with a line break", spec + '"a\\nb": 1\n', "NV201"),
        hostile("__class__", spec + "__class__: {__bases__: 1}\n", "NV201"),
        hostile("__proto__", spec + "__proto__: {level: finetune}\nconstructor: 1\n", "NV201"),
        hostile("__class__ as a column", complete(_PROTO_COLUMNS)),
        hostile("only a list", "- a\n- b\n", "NV204"),
        hostile("only a word", "word\n", "NV204"),
        hostile("tabs only", "\t\t\t\n", "NV102", "NV203", "NV101"),
        hostile("open quote", spec + 'description: "' + "x" * 500_000, "NV101"),
        hostile("open bracket", spec + "description: [" + "x " * 200_000, "NV101"),
        hostile("open literal", spec + "description: |\n" + "  x\n" * 200_000),
        hostile("colons", spec + "a" + ":" * 500_000 + "\n", "NV101"),
        hostile("colons and spaces", spec + "a: b" + ": c" * 200_000 + "\n", "NV101"),
        hostile("question marks", "?" * 500_000, "NV101", "NV204"),
        hostile("exclamation marks", "!" * 500_000, "NV101", "NV106"),
        hostile("percent signs", "%" * 500_000, "NV101"),
        hostile("ampersands", "&" + "a" * 500_000, "NV101", "NV105"),
        hostile("dashes", "-" * 500_000, "NV101", "NV204"),
        hostile("spaces", " " * 900_000, "NV203", "NV204"),
        hostile("commas", "a: [" + "," * 500_000 + "]", "NV101"),
    ]


_PROTO_COLUMNS = """\
data:
  train: {builtin: python-docs, split: train}
  test: {builtin: python-docs, split: test}
  columns: {text: text, label: label, __class__: text, __init__: text}
"""
