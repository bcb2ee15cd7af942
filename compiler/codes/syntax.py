"""YAML: what a file has to be before its values mean anything."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV101": (
        "not YAML",
        "The text breaks the grammar of YAML at the place shown.",
        "What follows the break could mean anything, so nothing of it is guessed.",
        'description: "no end\n',
        'description: "an end"\n',
    ),
    "NV102": (
        "tab in the indentation",
        "A line begins with a tab.",
        "YAML allows only spaces there, because nobody agrees how wide a tab is.",
        "hardware:\n\taccelerator: cpu\n",
        "hardware:\n  accelerator: cpu\n",
    ),
    "NV103": (
        "template without quotes",
        "A value begins with or holds `{{ ... }}` but is not quoted.",
        "To YAML an open brace begins a map; quotes make it text.",
        "task:\n  type: classify\n  labels: [a, b]\n  input: {{ text }}\n",
        'task:\n  type: classify\n  labels: [a, b]\n  input: "{{ text }}"\n',
    ),
    "NV104": (
        "key given twice",
        "A map has the same key two times.",
        "Most readers of YAML keep the last one silently, and the first is lost.",
        "seed: 1\nseed: 2\n",
        "seed: 2\n",
    ),
    "NV105": (
        "anchor, alias or merge key",
        "The file uses `&name`, `*name` or `<<`.",
        "They hide where a value comes from, and a few lines of them can fill the memory.",
        "description: &text hello\n",
        "description: hello\n",
    ),
    "NV106": (
        "tag",
        "The file uses `!name` or `!!name`.",
        "Tags can stand for code; here a value means what it looks like.",
        "seed: !!int 3\n",
        "seed: 3\n",
    ),
    "NV107": (
        "not UTF-8",
        "The file holds a byte that UTF-8 does not allow there.",
        "Read in another encoding, the same bytes would be other letters.",
        "# whole\ndescription: \udcff\n",
        "description: é\n",
    ),
    "NV108": (
        "control character",
        "The file or a text in it holds NUL, another control character, or half a surrogate.",
        "They are invisible, and file names and terminals treat them specially.",
        'description: "a\\0b"\n',
        "description: a b\n",
    ),
    "NV109": (
        "file that cannot be read",
        "The spec does not exist, is a folder, or may not be read.",
        "Nothing can be checked without it.",
        "# whole: a name that no file has\n",
        "seed: 1\n",
    ),
    "NV110": (
        "too large or too deep",
        "The file is over a megabyte, over 20,000 values, or nested over 100 levels.",
        "No person writes such a spec; a hostile one does, to exhaust the reader.",
        "description: " + "[" * 101 + "]" * 101 + "\n",
        "description: short\n",
    ),
    "NV111": (
        "number that is not finite",
        "A number is NaN, infinite, or too large to be read.",
        "NaN passes every comparison with a limit, and poisons whatever it meets.",
        "seed: .nan\n",
        "seed: 0\n",
    ),
    "NV112": (
        "second document",
        "A line `---` begins another document in the same file.",
        "A spec is one document; the second would be ignored.",
        "seed: 1\n---\nseed: 2\n",
        "seed: 1\n",
    ),
    "NV113": (
        "key that is not a word",
        "A map or a list stands where a key belongs.",
        "Keys of a spec are names.",
        "? [a, b]\n: 1\n",
        "seed: 1\n",
    ),
    "NV114": (
        "hidden character",
        "The file holds a character that editors do not show as YAML reads it.",
        "It can make one spec look like another: text drawn in reverse, a line that starts "
        "inside a comment, a word of no width in a prompt.",
        "description: a\u202eb\n",
        'description: "a\\u202eb"\n',
    ),
    "NV115": (
        "too many findings",
        "The spec has more than 100 findings; the others are not shown.",
        "Most of them have one cause, and a hostile spec would bury the terminal.",
        "".join(f"key{number}: 1\n" for number in range(101)),
        "seed: 1\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
