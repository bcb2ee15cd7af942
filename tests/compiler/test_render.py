"""Findings in every format: each is read back by a reader that knows nothing of nivel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

from nivel.compiler.check import Checked, check
from nivel.compiler.codes import CODES
from nivel.compiler.diagnostics import Diagnostic, Location, Span
from nivel.compiler.examples import complete
from nivel.compiler.render import FORMATS, render
from nivel.compiler.render.places import as_uri
from nivel.compiler.render.report import Report

TESTS = Path(__file__).resolve().parents[1]
SARIF = json.loads((TESTS / "vendor/sarif-2.1.0/sarif-2.1.0-rtm.5.json").read_text())
CASES = sorted((TESTS / "cases/err").glob("NV*.yaml"))
NASTY = "a%b\r\nc,d:e \x1b[31m\x00\ufffe <&> \"'"


def report_of(**checked: Checked) -> Report:
    sources = {name: source for one in checked.values() for name, source in one.sources.items()}
    return Report({name: one.diagnostics for name, one in checked.items()}, sources)


def finding(message: str, file: str = "x.yaml", severity: str = "error") -> Diagnostic:
    place = Location(file, Span(2, 3, 2, 7))
    return Diagnostic("NV201", severity, message, place, "did you mean `seed`?")


def sarif(report: Report) -> dict:
    log = json.loads(render("sarif", report))
    errors = [error.message for error in Draft4Validator(SARIF).iter_errors(log)]
    assert errors == []
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    return run


def test_the_vendored_schema_refuses_what_is_no_sarif() -> None:
    assert list(Draft4Validator(SARIF).iter_errors({"version": "2.1.0", "runs": [{}]}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_findings_of_every_case_are_valid_sarif(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.parent)
    checked = check(case.name, project=case.parent)
    run = sarif(report_of(case=checked))
    assert len(run["results"]) == len(checked.diagnostics)
    for result, found in zip(run["results"], checked.diagnostics, strict=True):
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == found.code
        assert len(result.get("relatedLocations", ())) == len(found.related)


def test_a_sarif_region_marks_the_same_letters_as_the_caret(tmp_path: Path) -> None:
    (tmp_path / "é x.yaml").write_text(complete("description: '😀😀'\nhardware: gpu # 😀\n"))
    checked = check(tmp_path / "é x.yaml", project=tmp_path)
    run = sarif(report_of(spec=checked))
    assert run["columnKind"] == "unicodeCodePoints"
    [result] = run["results"]
    place = result["locations"][0]["physicalLocation"]
    region = place["region"]
    [source] = checked.sources.values()
    line = source.text.split("\n")[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "gpu"
    assert region["startLine"] == region["endLine"]


@pytest.mark.parametrize(
    ("path", "uri", "relative"),
    [
        ("specs/x.yaml", "specs/x.yaml", True),
        ("./specs//a b.yaml", "specs/a%20b.yaml", True),
        ("é#?%.yaml", "%C3%A9%23%3F%25.yaml", True),
        ("a:b.yaml", "a%3Ab.yaml", True),
        ("/abs/x y.yaml", "file:///abs/x%20y.yaml", False),
        ("..x/y.yaml", "..x/y.yaml", True),
        (os.fsdecode(b"\xff.yaml"), "%FF.yaml", True),
        ("pkg:team/a b.yaml", "pkg:team/a%20b.yaml", False),
        ("git+https://x.org/r@abc#a.yaml", "git+https://x.org/r@abc#a.yaml", False),
    ],
)
def test_paths_become_percent_encoded_uris(path: str, uri: str, relative: bool) -> None:
    assert as_uri(path) == (uri, relative)


def test_a_file_outside_the_working_folder_has_an_absolute_uri() -> None:
    uri, relative = as_uri("../other/x.yaml")
    assert not relative
    assert unquote(uri) == "file://" + os.path.abspath("../other/x.yaml")


def test_a_misspelt_key_comes_with_the_edit_that_mends_it(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(complete("sed: 1\n"))
    run = sarif(report_of(spec=check(spec, project=tmp_path)))
    [fix] = run["results"][0]["fixes"]
    [change] = fix["artifactChanges"]
    [replacement] = change["replacements"]
    region = replacement["deletedRegion"]
    lines = spec.read_text().split("\n")
    line = lines[region["startLine"] - 1]
    start, end = region["startColumn"] - 1, region["endColumn"] - 1
    lines[region["startLine"] - 1] = (
        line[:start] + replacement["insertedContent"]["text"] + line[end:]
    )
    spec.write_text("\n".join(lines))
    assert check(spec, project=tmp_path).diagnostics == ()


def test_a_finding_on_the_command_line_has_no_file() -> None:
    report = Report({"x.yaml": (finding("m", "--hardware"),)})
    [result] = sarif(report)["results"]
    [place] = result["locations"]
    assert "physicalLocation" not in place
    assert place["logicalLocations"][0]["name"] == "--hardware"
    assert "fixes" not in result
    assert "file=" not in render("github", report)


def test_a_piped_spec_is_no_file_of_the_project() -> None:
    report = Report({"<stdin>": (finding("m", "<stdin>"),)})
    [result] = sarif(report)["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "%3Cstdin%3E"}
    shown = render("github", report)
    assert "file=" not in shown
    assert "::<stdin>:2:3: m%0A" in shown


def test_every_code_is_a_rule_with_its_help() -> None:
    rules = sarif(Report({}))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    for rule in rules:
        assert CODES[rule["id"]].why in rule["help"]["text"]


# GitHub's own reading of a command, after `ActionCommand.TryParseV2` of the public runner.
COMMAND = re.compile(r"::(?P<name>[a-z]+) (?P<values>.*?)::(?P<text>.*)\Z")
UNESCAPE = {"%3A": ":", "%2C": ",", "%0D": "\r", "%0A": "\n"}


def read_command(line: str) -> tuple[str, dict[str, str], str]:
    match = COMMAND.match(line)
    assert match is not None, line
    pairs = (pair.split("=", 1) for pair in match["values"].split(","))
    return match["name"], {key: unescape(value) for key, value in pairs}, unescape(match["text"])


def unescape(text: str) -> str:
    for escaped, plain in UNESCAPE.items():
        text = text.replace(escaped, plain)
    return text.replace("%25", "%")


def test_a_github_command_is_one_line_that_reads_back() -> None:
    found = finding("100%: a, b", "dir,a/x:%.yaml", "warning")
    name, values, text = read_command(render("github", Report({"x": (found,)})))
    assert name == "warning"
    assert values["file"] == "dir,a/x:%.yaml"
    assert values["title"] == f"NV201 {CODES['NV201'].title}"
    assert (values["line"], values["col"], values["endColumn"]) == ("2", "3", "7")
    assert text == "100%: a, b\ndid you mean `seed`?"


def test_no_text_of_a_spec_starts_a_github_command_of_its_own() -> None:
    found = finding("x\n::stop-commands::now\r::set-env name=A::b", "a\n::error::b.yaml")
    assert len(render("github", Report({"x": (found,)})).splitlines()) == 1


def test_junit_has_a_suite_for_each_spec_and_counts_failures(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(complete("sed: 1\nseed: x\n"))
    (tmp_path / "good.yaml").write_text(complete("seed: 1\n"))
    checked = {name: check(tmp_path / f"{name}.yaml", project=tmp_path) for name in ("bad", "good")}
    root = ElementTree.fromstring(render("junit", report_of(**checked)))
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures")) == ("3", "2")
    bad, good = root
    assert (bad.get("name"), bad.get("tests"), bad.get("failures")) == ("bad", "2", "2")
    assert [case.find("failure") is not None for case in bad] == [True, True]
    failure = bad[0].find("failure")
    assert failure is not None and failure.text is not None
    assert "^^^" in failure.text
    assert (good.get("name"), good.get("tests"), good.get("failures")) == ("good", "1", "0")
    assert good[0].find("failure") is None


def test_a_warning_fails_nothing_in_junit() -> None:
    report = Report({"x": (finding("m", severity="warning"),)})
    root = ElementTree.fromstring(render("junit", report))
    assert root.get("failures") == "0"
    assert root.find(".//failure") is None
    assert "warning[NV201]" in (root.findtext(".//system-out") or "")


@pytest.mark.parametrize("format", FORMATS)
def test_control_characters_and_broken_names_leave_every_format_readable(format: str) -> None:
    name = os.fsdecode(b"\xff\x1b.yaml")
    text = render(format, Report({name: (finding(NASTY, name),)}))
    raw = text.encode()
    assert b"\x1b" not in raw and b"\0" not in raw
    if format in ("json", "sarif"):
        assert NASTY.split("\r")[0] in str(json.loads(text))
    elif format == "junit":
        assert ElementTree.fromstring(raw).get("failures") == "1"


@pytest.mark.parametrize("format", FORMATS)
def test_a_fault_in_a_shared_file_is_one_finding_of_the_call(format: str) -> None:
    shared = finding("quaxle")
    text = render(format, Report({"a.yaml": (shared,), "b.yaml": (shared,)}))
    suites = 2 if format == "junit" else 1  # a suite is about its spec alone
    assert len(re.findall(r"quaxle", text)) == suites * (2 if format == "junit" else 1)


def test_no_format_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, nivel.compiler.render; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "nivel.compiler.render" in loaded
    assert not {f"nivel.compiler.render.{name}" for name in FORMATS} & loaded
    assert "json" not in loaded
