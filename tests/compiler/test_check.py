"""The whole front half: hints, shared files, hardware, hostile files, and a quick start."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.compiler.check import Checked, check
from nivel.compiler.examples import complete
from nivel.compiler.overrides import Overrides
from nivel.compiler.render import render_json, render_text
from nivel.compiler.rules.templates import TemplateFault, jinja_names, template_names
from nivel.compiler.spec import FinetuneSpec, PretrainSpec


def checked(text: str | bytes, folder: Path, **options: Any) -> Checked:
    path = folder / "spec.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return check(path, project=folder, **options)


def hints(text: str, folder: Path) -> dict[str, str]:
    found = checked(complete(text), folder).diagnostics
    return {item.message: item.help or "" for item in found}


@pytest.mark.parametrize(
    ("text", "message", "cure"),
    [
        ("sed: 1\n", "unknown key `sed`", "did you mean `seed`?"),
        ("rank: 8\n", "`rank` does not belong at the top level", "move it to `method`"),
        ("lora_alpha: 8\n", "unknown key `lora_alpha`", "here it is `method.alpha`"),
        ("few_shot: 2\n", "`prompt.few_shot` belongs to level `prompt`, but this spec is"
         " `finetune`", "remove it, or write `level: prompt`"),
        ("hardware: {accelerator: gpu}\n",
         "`hardware.accelerator` must be one of `cpu`, `cuda`, not `gpu`", "write `cuda`"),
        ("hardware: gpu\n", "no hardware is called `gpu`",
         "write `cuda`; a project adds its own in hardware.yaml"),
        ("hardware: h10x8\n", "no hardware is called `h10x8`",
         "write `h100x8`; a project adds its own in hardware.yaml"),
        ("seed: '3'\n", "`seed` must be a whole number, but this is the text `3`",
         "write `3`, without quotes"),
        ("seed: 1_000\n", "`seed` must be a whole number, but this is the text `1_000`",
         "write `1000`"),
        ("description: 3.10\n", "`description` must be a text, but this is the number 3.1",
         'write "3.10", in quotes'),
        ("model:\n", "`model` must be a map, but this is empty",
         "give `model` a value, or remove the line"),
        ("hardware: {accelerator: cuda, devices: 3}\n",
         "a batch of 16 sequences does not divide evenly over 3 devices",
         "write `batch: 15 or 18`"),
    ],
)  # fmt: skip
def test_one_fault_gives_one_finding_with_its_cure(
    text: str, message: str, cure: str, tmp_path: Path
) -> None:
    assert hints(text, tmp_path) == {message: cure}


def test_misspelt_section_is_not_also_reported_missing(tmp_path: Path) -> None:
    text = complete("seed: 1\n").replace("train: {epochs", "trian: {epochs")
    assert [found.code for found in checked(text, tmp_path).diagnostics] == ["NV201"]


@pytest.mark.parametrize(
    "name",
    ["per_device_train_batch_size", "gradient_accumulation_steps", "micro_batch_size",
     "num_train_epochs", "lr_scheduler_type", "warmup_ratio", "base_model", "lora_r",
     "lora_target_modules", "cutoff_len", "sequence_len", "max_seq_length", "bf16",
     "model_name_or_path", "max_new_tokens", "finetuning_type", "val_set_size", "optim"],
)  # fmt: skip
def test_names_of_other_tools_are_explained(name: str, tmp_path: Path) -> None:
    (found,) = checked(complete(f"{name}: 1\n"), tmp_path).diagnostics
    assert found.help is not None
    assert "did you mean" not in found.help
    assert "the keys here are" not in found.help


def test_numbers_are_normalised(tmp_path: Path) -> None:
    train = "train: {epochs: 3.0, batch: 16, learning_rate: 1, optimizer: {weight_decay: 0}}\n"
    spec = checked(complete(train), tmp_path).spec
    assert isinstance(spec, FinetuneSpec)
    assert type(spec.train.epochs) is int
    assert type(spec.train.learning_rate) is float
    assert type(spec.method.options["alpha"]) is float
    assert type(spec.method.options["rank"]) is int


def test_sizes_left_out_follow_the_others(tmp_path: Path) -> None:
    spec = checked(complete("level: pretrain\n"), tmp_path).spec
    assert isinstance(spec, PretrainSpec)
    assert spec.model.num_key_value_heads == spec.model.num_attention_heads == 4
    assert spec.model.max_position_embeddings == spec.train.sequence_length == 128


def test_hardware_option_replaces_the_machine(tmp_path: Path) -> None:
    spec = checked(
        complete("hardware: {accelerator: cuda, devices: 4}\n"),
        tmp_path,
        overrides=Overrides(hardware="cpu"),
    ).spec
    assert spec is not None
    assert (spec.hardware.profile, spec.hardware.devices) == ("cpu", 1)
    (found,) = checked(
        complete("seed: 1\n"), tmp_path, overrides=Overrides(hardware="h10")
    ).diagnostics
    assert found.location is not None
    assert found.location.file == "--hardware"
    assert "--hardware: error[NV404]" in render_text([found], {})


def test_maps_merge_lists_replace_and_null_removes(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/base.yaml").write_text(
        complete("description: old\nhardware: {accelerator: cpu, threads: 2}\n")
    )
    text = "extends: parts/base.yaml\ndescription: null\ntask: {labels: [x, y, z]}\n"
    result = checked(text + "hardware: {devices: 2}\n", tmp_path)
    assert result.diagnostics == ()
    assert result.spec is not None
    assert result.spec.task is not None
    assert result.spec.task.labels == ("x", "y", "z")
    assert result.spec.task.input == "{{ text }}"
    assert result.spec.description == ""
    assert (result.spec.hardware.devices, result.spec.hardware.threads) == (2, 2)
    assert result.document is not None
    origins = result.document.origins
    assert origins[("hardware", "threads")].endswith("parts/base.yaml")
    assert origins[("hardware", "devices")].endswith("spec.yaml")


def test_later_files_win_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(complete("seed: 1\n"))
    (tmp_path / "b.yaml").write_text("seed: 2\n")
    spec = checked("extends: [a.yaml, b.yaml]\n", tmp_path).spec
    assert spec is not None
    assert spec.seed == 2


def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    outside, inside = tmp_path / "out.yaml", tmp_path / "project"
    outside.write_text("seed: 1\n")
    inside.mkdir()
    (inside / "link.yaml").symlink_to(outside)
    found = checked(complete("extends: link.yaml\n"), inside).diagnostics
    assert [item.code for item in found] == ["NV503"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"\xff\xfe", b"a: \xe9\n", b"[" * 100_000, b"a: " + b"{b: " * 100_000,
     b"x" * 1_100_000, b"- a\n", b"~\n", b"%YAML 3.0\n---\na: 1\n", b"level: [prompt]\n",
     b'level: prompt\nextends: "a\\0b"\n', b'level: prompt\nname: "\\ud800"\n',
     b'level: prompt\nmodel: {path: "./\\ud800"}\n', "a: 1\u2028\tb\n".encode(),
     b'level: prompt\ntask: {input: "{{ ' + b"(" * 50_000 + b' }}"}\n',
     b'level: prompt\ntask: {input: "' + b"{% if x %}" * 3000 + b'"}\n',
     b"level: prompt\nseed: " + b"9" * 5000 + b"\n"],
    ids=range(18),
)  # fmt: skip
def test_hostile_files_give_located_findings(raw: bytes, tmp_path: Path) -> None:
    result = checked(raw, tmp_path)
    assert result.spec is None
    assert result.diagnostics
    assert all(found.location is not None for found in result.diagnostics)
    assert render_text(result.diagnostics, result.sources)
    assert render_json(result.diagnostics)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab:{}[]- \n\t\"'#&*!|>?%@~10.,é\0"), max_size=60))
def test_no_text_makes_the_compiler_raise(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    result = checked("level: finetune\n" + text, folder)
    render_text(result.diagnostics, result.sources)


@pytest.mark.parametrize("path", ["absent.yaml", ".", "a\0b"])
def test_a_path_that_cannot_be_read_is_a_finding(path: str, tmp_path: Path) -> None:
    (found,) = check(f"{tmp_path}/{path}").diagnostics
    assert found.code == "NV109"


@pytest.mark.parametrize(
    "template",
    ["{{ text }}", "a {{text}}{{- b -}}", "{{ true }}", "{{ a.b }}", "{% if x %}{{ y }}{% endif %}",
     "{# {{ z }} #}{{ a }}", "{{ a|upper }}", "{% for i in xs %}{{ i }}{% endfor %}", "{ {", "} }",
     "{{ not }}", "{{ a }", "{{{ a }}}", "{{ 'x' }}", "{% raw %}{{ a }}{% endraw %}"],
)  # fmt: skip
def test_the_quick_reading_of_templates_agrees_with_jinja(template: str) -> None:
    assert _names(template, quick=True) == _names(template, quick=False)


def _names(template: str, *, quick: bool) -> set[str] | None:
    try:
        return template_names(template) if quick else jinja_names(template)
    except TemplateFault:
        return None


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    key = "hf_" + "a1B2" * 8
    (found,) = checked(complete(f"description: {key}\n"), tmp_path).diagnostics
    assert found.code == "NV350"
    assert key not in found.message + (found.help or "")


def test_the_underline_is_as_wide_as_the_letters(tmp_path: Path) -> None:
    result = checked(complete('name: "日本"\n'), tmp_path)
    drawn = render_text(result.diagnostics, result.sources).splitlines()
    assert drawn[1].endswith('| name: "日本"')
    assert drawn[2].endswith("|       ^^^^^^")


def test_terminal_escapes_in_a_spec_are_shown_not_sent(tmp_path: Path) -> None:
    result = checked(complete('"\\e[31m": 1\nhardware: "\\e[0m"\n'), tmp_path)
    assert len(result.diagnostics) == 2
    assert "\x1b" not in render_text(result.diagnostics, result.sources)


def test_checking_a_good_spec_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(complete("seed: 1\n"))
    code = (
        "import sys; from nivel.compiler.check import check;"
        "assert check('spec.yaml').spec; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    heavy = {"torch", "jsonschema", "jinja2", "rich", "difflib", "importlib.metadata", "numpy"}
    assert heavy.isdisjoint(done.stdout.split())
