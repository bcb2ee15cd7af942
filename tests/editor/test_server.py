"""What a writer of specs sees in an editor, asked of real yaml-language-servers."""

from __future__ import annotations

import pytest
import yaml

from nivel.cli.init import project_files
from nivel.compiler.check import check
from nivel.compiler.examples import BASE
from nivel.schemas import LEVELS

FINETUNE = BASE["finetune"]
TOP = {"nivel", "name", "description", "extends", "level", "seed", "model", "data", "task"}
OF_LEVEL = {"prompt": {"prompt"}, "finetune": {"method"}, "pretrain": {"tokenizer"}}
VERSION = FINETUNE.splitlines()[0]
SHIPPED = sorted(path for path in project_files() if path.endswith(".yaml"))


def changed(old: str, new: str) -> str:
    assert old in FINETUNE
    return FINETUNE.replace(old, new)


def test_nothing_is_said_of_sound_specs(server):
    for level in LEVELS:
        assert server.faults(BASE[level]) == []


def test_nothing_is_said_of_the_specs_of_a_new_project(server):
    for path in SHIPPED:
        text = (server.project / path).read_text(encoding="utf-8")
        assert text.startswith("# yaml-language-server: $schema=../../nivel.schema.json\n")
        assert server.faults(text.partition("\n")[2], path) == []


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("epochs: 3", "epohcs: 3, epochs: 3", "epohcs", "Property epohcs is not allowed."),
        ("batch: 16", "batch: 0", "0,", "Value is below the minimum of 1."),
        ("level: finetune", "level: finetun", "finetun", 'Valid values: "prompt", "finetune"'),
        ("type: lora", "type: lorra", "lorra", 'Valid values: "lora", "full"'),
        ("type: lora", "rank: 8", "method: {rank", 'Missing property "type".'),
        ("hardware: cpu", "hardware: {precision: fp8}", "fp8", 'Valid values: "'),
        ("hardware: cpu", "hardware: {devces: 2}", "devces", "Property devces is not allowed."),
        ("split: test", "split: test, path: a", "{builtin: python-docs, split: test", "not both"),
        ("type: lora", "type: lora, lora_alpha: 4", "4}", "Here it is `method.alpha`"),
        ("hardware: cpu", "lr: 1.0", "1.0", "Here it is `train.learning_rate`"),
        ("hardware: cpu", "learning_rate: 1.0", "1.0", "`learning_rate` belongs in `train`"),
        ("batch: 16", "batch: 16, micro_batch: 4", "4,", "language 2 this is `hardware.micro"),
        ("batch: 16", "batch: 16, weight_decay: 0.1", "0.1", "`train.optimizer.weight_decay`"),
        (FINETUNE.splitlines()[0], "nivel: 1", "1", "`nivel migrate` rewrites"),
        ("hardware: cpu", "tokenizer: x", "x", "`tokenizer` belongs to level `pretrain`"),
    ],
)  # fmt: skip
def test_one_fault_gives_one_message_at_its_place(server, old, new, at, message):
    text = changed(old, new)
    ((line, column, said),) = server.faults(text)
    assert message in said
    assert text.splitlines()[line][column:].startswith(at)


def test_the_keys_offered_at_the_top_are_those_of_the_level(server):
    for level in LEVELS:
        offered = set(server.completions(f"level: {level}\n|"))
        others = set().union(*(keys for name, keys in OF_LEVEL.items() if name != level))
        assert OF_LEVEL[level] <= offered and not offered & others
        assert TOP - {"level"} <= offered


def test_a_file_without_a_level_is_offered_the_keys_of_every_level(server):
    offered = set(server.completions("seed: 3\n|"))
    assert set().union(TOP - {"seed"}, *OF_LEVEL.values()) <= offered


def test_names_of_other_tools_are_known_but_not_offered(server):
    offered = set(server.completions("level: finetune\ntrain:\n  |"))
    assert {"epochs", "batch", "learning_rate", "schedule"} <= offered
    assert not offered & {"lr", "num_train_epochs", "tokens"}


def test_the_words_of_a_choice_are_offered(server):
    assert set(server.completions("level: |")) == set(LEVELS)
    assert set(server.completions("level: finetune\nmethod:\n  type: |")) >= {"lora", "full"}
    words = set(server.completions("level: finetune\ntrain:\n  schedule:\n    type: |"))
    assert words >= {"cosine", "linear", "constant"}
    assert set(server.completions("level: prompt\nhardware: |")) >= {"cpu", "cuda", "local"}


def test_the_type_of_a_map_decides_which_of_its_keys_are_offered(server):
    adapter = {"rank", "alpha", "dropout", "targets"}
    assert set(server.completions("level: finetune\nmethod:\n  type: lora\n  |")) >= adapter
    assert not set(server.completions("level: finetune\nmethod:\n  type: full\n  |")) & adapter


def test_hovering_over_a_key_shows_what_it_is_and_its_unit(server):
    shown = server.hover(changed("batch", "ba|tch"))
    assert "Sequences per optimizer step, over all devices" in shown
    assert "whole number · at least 1 · in sequences" in shown
    assert "`finetune`, `pretrain`" in shown


def test_hovering_over_a_choice_tells_its_cases_apart(server):
    shown = server.hover(changed("type: lora", "ty|pe: lora"))
    assert "`full`: Train every parameter" in shown and "matrices beside the frozen" in shown
    assert "use a model as it is" in server.hover(changed("level", "lev|el"))


@pytest.mark.parametrize("level", LEVELS)
def test_an_empty_file_is_offered_a_whole_spec_that_is_sound(server, level, tmp_path, filled):
    offered = server.completions("|")
    spec = filled(offered[f"nivel: a spec of level {level}"])
    path = tmp_path / "spec.yaml"
    path.write_text(spec, encoding="utf-8")
    checked = check(path)
    assert checked.diagnostics == () and checked.spec is not None
    assert checked.spec.level == level and checked.spec.name == "my-experiment"


def test_a_section_is_offered_an_example_that_is_sound(server, filled):
    offered = server.completions("level: finetune\ntrain:\n  |")
    name = next(label for label in offered if label.startswith("train: {"))
    section = "train:\n  " + filled(offered[name]).replace("\n", "\n  ") + "\n"
    text = FINETUNE[: FINETUNE.index("\ntrain: {") + 1] + section
    assert set(yaml.safe_load(text)["train"]) >= {"epochs", "batch", "learning_rate"}
    assert server.faults(text) == []


def test_a_file_that_extends_may_lack_what_it_inherits_and_remove_it(server):
    base = f"{VERSION}\nname: a\nlevel: finetune\nextends: shared.yaml\n"
    assert server.faults(base + "method: {rank: 4}\ntrain: {schedule: null}\ntask: null\n") == []
    (found,) = server.faults(base.replace("extends: shared.yaml", "seed: null"))[-1:]
    assert "Incorrect type" in found[2]
