"""The layout of specs, seen by example, and the command that writes it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from nivel.cli import group
from nivel.compiler.fmt import LayoutFault, find_specs, format_source, section_order
from nivel.compiler.fmt import format as formatting
from nivel.compiler.fmt.words import spell_text
from nivel.compiler.source import Source

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


def formatted(text: str) -> str:
    done = format_source(Source("x.yaml", text))
    assert done.text is not None, done.diagnostics
    return done.text


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_the_shipped_specs_are_laid_out(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_sections_come_in_the_order_of_the_language_with_their_comments() -> None:
    text = "# the machine\nhardware: cpu  # mine\nlevel: prompt\nnivel: 2\nname: x\n"
    assert formatted(text) == (
        "nivel: 2\nname: x\nlevel: prompt\n# the machine\nhardware: cpu  # mine\n"
    )


def test_unknown_sections_stand_last_and_inner_keys_stay() -> None:
    assert formatted("zeta: 1\nalpha: {z: 1, a: 2}\nseed: 3\n") == (
        "seed: 3\nzeta: 1\nalpha: {z: 1, a: 2}\n"
    )


def test_a_file_without_a_level_has_the_order_of_all_levels_together() -> None:
    order = section_order(None)
    for level in ("prompt", "finetune", "pretrain"):
        known = section_order(level)
        assert [name for name in order if name in known] == list(known)


def test_comments_about_the_whole_file_stay_on_top() -> None:
    text = "# yaml-language-server: $schema=x\n# about\n\n# the name\nname: x\nnivel: 2\n"
    assert formatted(text) == (
        "# yaml-language-server: $schema=x\n# about\n\nnivel: 2\n# the name\nname: x\n"
    )


def test_a_modeline_stays_on_top_also_without_an_empty_line() -> None:
    text = "# yaml-language-server: $schema=x\nname: x\nnivel: 2\n"
    assert formatted(text) == "# yaml-language-server: $schema=x\nnivel: 2\nname: x\n"


def test_indentation_decides_whose_comment_stands_at_the_end_of_a_section() -> None:
    text = "train:\n    batch: 1\n    # of train\n# of seed\n\nseed: 1\n  # last\n"
    assert formatted(text) == ("# of seed\n\nseed: 1\ntrain:\n  batch: 1\n  # of train\n# last\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'plain'", "plain"), ("'no'", '"no"'), ("no", '"no"'), ("'1e-4'", '"1e-4"'),
        ("1e-4", "1e-4"), ("22:30", '"22:30"'), ("'017'", '"017"'), ("017", "017"),
        ("y", '"y"'), ("2024-01-01", '"2024-01-01"'), ("1_000", '"1_000"'), ("~", "~"),
        ("''", '""'), ("'it''s'", "it's"), ("\"a \\\"b\\\": c\"", "'a \"b\": c'"),
        ("'{{ text }}'", '"{{ text }}"'), ("a {{ text }}", '"a {{ text }}"'),
        ("'a: b'", '"a: b"'), ("'a #b'", '"a #b"'), ("'run:x'", "run:x"), ("! 12", "12"),
        ('"\\u00e9"', '"\\u00e9"'), ("'é'", "é"), ("'c:\\d'", "c:\\d"), ("'- a'", '"- a"'),
        ("{a: 'run:x', b: 'x y'}", '{a: "run:x", b: "x y"}'), ("{a: , b}", "{a: null, b: null}"),
        ("[ 'no',  two ]", '["no", two]'), ("{ }", "{}"), ("[a: 1]", "[{a: 1}]"),
    ],
)  # fmt: skip
def test_quotes_stand_where_some_reader_needs_them(text: str, expected: str) -> None:
    assert formatted(f"a: {text}\n") == f"a: {expected}\n"


@pytest.mark.parametrize("text", ["no", "1e-4", "22:30", "0o17", ".inf", "=", "<<", "x: y", "\x85"])
def test_a_text_in_quotes_is_a_text_to_yaml_1_1(text: str) -> None:
    assert yaml.safe_load(f"a: {spell_text(text, flow=False)}\n") == {"a": text}
    assert yaml.safe_load(f"a: [{spell_text(text, flow=True)}]\n") == {"a": [text]}


def test_brackets_stay_where_they_fit_and_are_parted_where_they_do_not() -> None:
    fits = "a: [" + ", ".join(["x" * 8] * 9) + "]\n"
    assert formatted(fits.replace(", ", ",")) == fits
    wide = "a: [" + ", ".join(["x" * 8] * 10) + "]\n"
    assert formatted(wide) == "a:\n" + "  - xxxxxxxx\n" * 10


def test_brackets_that_hold_a_comment_are_parted() -> None:
    text = "a: {b: 1, # one\n  c: [2, 3]  # two\n  # end\n  }  # closed\n"
    assert formatted(text) == "a:\n  b: 1  # one\n  c: [2, 3]  # two\n  # end\n  # closed\n"


def test_block_texts_keep_their_lines() -> None:
    text = "a: |-   # note\n     x\n       y\n\n     z\nb: >+\n  k\n\n\nc: |2\n   lead\n"
    assert formatted(text) == ("a: |-  # note\n  x\n    y\n\n  z\nb: >+\n  k\n\n\nc: |2\n   lead\n")


def test_empty_lines_part_groups_and_windows_line_ends_go() -> None:
    assert formatted("\r\n\r\na: 1   \r\n\r\n\r\n\r\nb: 2") == "a: 1\n\nb: 2\n"


def test_an_empty_file_and_one_of_comments_alone_stay_what_they_are() -> None:
    assert formatted("") == ""
    assert formatted("\n#  a\n\n\n  # b") == "#  a\n\n# b\n"


def test_a_fault_of_syntax_or_a_root_that_is_no_map_is_reported() -> None:
    done = format_source(Source("x.yaml", "a: [1\n"))
    assert done.text is None and done.diagnostics[0].code == "NV101"
    done = format_source(Source("x.yaml", "- 1\n"))
    assert done.text is None and done.diagnostics[0].code == "NV204"


@pytest.mark.parametrize(
    "wrong", ["a: 2\n# c\n", "a: '1'\n# c\n", "a: 1\n", "a: 1\n# c\n\n\n\nz:\n"]
)
def test_a_layout_that_would_say_something_else_is_never_returned(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formatting, "lay_out", lambda root, order: wrong)
    with pytest.raises(LayoutFault):
        format_source(Source("x.yaml", "a: 1\n# c\n"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.yaml").write_text("name:  x\nnivel: 2\n")
    (tmp_path / "sub" / "part.yml").write_text("seed:   3\n")
    (tmp_path / "good.yaml").write_text("nivel: 2\n")
    (tmp_path / "docker.yaml").write_text("services:   {}\n")
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "spec.yaml").write_text("nivel:   2\n")
    return tmp_path


def nivel(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(group, ["fmt", *arguments], input=stdin)


def test_a_folder_stands_for_its_specs_and_parts_of_specs(project: Path) -> None:
    assert list(find_specs(".")) == ["a.yaml", "good.yaml", "sub/part.yml"]


def test_check_lists_what_would_change_and_writes_nothing(project: Path) -> None:
    done = nivel("--check")
    assert done.exit_code == 1
    assert done.stdout == "would change a.yaml\nwould change sub/part.yml\n"
    assert (project / "a.yaml").read_text() == "name:  x\nnivel: 2\n"
    assert nivel("good.yaml", "--check").exit_code == 0


def test_diff_shows_what_would_change_and_writes_nothing(project: Path) -> None:
    done = nivel("a.yaml", "--diff")
    assert done.exit_code == 0
    assert "-name:  x\n nivel: 2\n+name: x\n" in done.stdout
    assert (project / "a.yaml").read_text() == "name:  x\nnivel: 2\n"


def test_files_are_replaced_with_their_mode_and_links_stay_links(project: Path) -> None:
    (project / "a.yaml").chmod(0o640)
    (project / "link.yaml").symlink_to("a.yaml")
    assert nivel("link.yaml").exit_code == 0
    assert (project / "link.yaml").is_symlink()
    assert (project / "a.yaml").read_text() == "nivel: 2\nname: x\n"
    assert stat.S_IMODE((project / "a.yaml").stat().st_mode) == 0o640
    assert not [name for name in os.listdir(project) if name.startswith(".")]


def test_a_file_with_a_fault_stays_and_the_others_are_written(project: Path) -> None:
    (project / "bad.yaml").write_text("nivel: 2\na: [\n")
    done = nivel()
    assert done.exit_code == 1 and "bad.yaml:" in done.stderr and "NV101" in done.stderr
    assert (project / "bad.yaml").read_text() == "nivel: 2\na: [\n"
    assert (project / "a.yaml").read_text() == "nivel: 2\nname: x\n"


def test_standard_input_goes_to_standard_output() -> None:
    assert nivel("-", stdin="name: x\nnivel:  2").stdout == "nivel: 2\nname: x\n"
    assert nivel("-", "--check", stdin="nivel:  2").exit_code == 1


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1\n\nname: x\n\ndescription: |+\n  kept\n\n\nlevel: prompt\n",
        "a:\n  - |+\n    kept\n\n  -\n\n    b: 1\n",
        "seed: |+\n  kept\n\n# c\n\nname: x\n",
        "a:\n  - b: >+\n      kept\n\n  # of a\n\nseed: 1\n",
        "a:\n  - b: |-\n      ends in a blank\n       \n  - # of c\n    c\n",
        "a:\n  - b: |\n      ends in a blank\n       \n\n\n  # of c\n  - c\n",
    ],
)
def test_no_empty_line_joins_a_text_that_keeps_its_own(text: str) -> None:
    assert formatted(formatted(text)) == formatted(text)
