"""`nivel explain`: every code, key and foreign name has a page, made of what the schema says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from nivel.cli import group
from nivel.compiler.aliases import ALIASES, VALUE_ALIASES
from nivel.compiler.codes import CODES
from nivel.compiler.document import parse_document
from nivel.compiler.explain import UnknownTopic, find_page
from nivel.compiler.explain_text import WIDTH, draw
from nivel.compiler.language import all_keys
from nivel.compiler.render.safe import well_formed
from nivel.compiler.source import Source

KEYS = [key.name for key in all_keys().values()]


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["explain", *arguments])


def page_of(topic: str) -> str:
    done = explain(topic)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", KEYS)
def test_every_key_has_a_page_with_what_the_schema_says(name: str) -> None:
    page, text = find_page(name), page_of(name)
    schema = all_keys()[tuple(name.split("."))].schema
    assert text.startswith(f"{name}: ")
    flat = " ".join(text.split())
    for form in schema.get("anyOf", [schema]):
        assert " ".join(form["description"].split()) in flat
    assert ", ".join(page["levels"]) in text
    for wanted in (schema.get("unit"), *(key["name"] for key in page["keys"])):
        assert wanted is None or wanted in flat
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        assert bound not in schema or f" {schema[bound]}" in flat


@pytest.mark.parametrize("name", KEYS)
def test_the_example_of_a_key_is_yaml_with_the_key_in_its_place(name: str) -> None:
    text = page_of(name)
    if "\nExample" not in text:
        assert not all_keys()[tuple(name.split("."))].schema.get("examples")
        return
    examples = text.split("\nExample", 1)[1].split("\n\n")[1:]
    for example in examples:
        lines = "\n".join(line[4:] for line in example.strip("\n").split("\n"))
        document, found = parse_document(Source("x.yaml", lines + "\n"))
        assert document is not None and found == []
        assert tuple(name.split(".")) in document.spans


@pytest.mark.parametrize("topic", [*KEYS, *CODES, *ALIASES, "nv3xx"])
def test_pages_keep_to_their_width_and_are_json_too(topic: str) -> None:
    page = find_page(topic)
    lines = [line for line in draw(page).splitlines() if not line.startswith("    ")]
    long = [line for line in lines if len(line) > WIDTH and page["kind"] != "code"]
    assert all(len(line.split()[-1]) > WIDTH // 2 for line in long), long
    shown = json.loads(explain(topic, "--format", "json").output)
    assert shown == json.loads(well_formed(json.dumps(page, ensure_ascii=False)))


def test_a_page_says_how_the_levels_differ() -> None:
    text = page_of("train.optimizer.weight_decay")
    finetune, pretrain = text.split("At level `pretrain`")
    assert "At level `finetune`" in finetune
    assert "default  0\n" in finetune
    assert "default  0.1" in pretrain
    assert "At level" not in page_of("seed")


def test_a_key_of_one_choice_says_which() -> None:
    assert "only with  method.type: lora" in page_of("method.rank")
    assert "only with" not in page_of("method.type")


def test_brackets_are_the_items_of_a_list() -> None:
    plain = page_of("task.labels")
    assert plain == page_of("task.labels[]") == page_of("task.labels[0]")
    assert plain.startswith("task.labels: list of text")


def test_a_section_lists_its_keys_and_their_levels() -> None:
    text = page_of("train")
    assert "train.epochs " in text and "(finetune)" in text
    assert "train.tokens " in text and "(pretrain)" in text


@pytest.mark.parametrize("name", ALIASES)
def test_every_name_of_another_tool_leads_to_keys_or_says_why_not(name: str) -> None:
    page = find_page(name)
    if page["kind"] == "alias":
        targets, note = ALIASES[name]
        assert [key["name"] for key in page["keys"]] == list(targets)
        assert page["keys"] or note
    else:
        assert page["kind"] == "key"  # the language has the same name


def test_the_batch_of_the_hugging_face_trainer_is_explained() -> None:
    text = page_of("per_device_train_batch_size")
    assert "name of other tools; here it is `hardware.micro_batch`" in " ".join(text.split())
    assert "\nhardware.micro_batch: whole number\n" in text


def test_a_key_without_its_section_is_found_where_there_is_one_such_key() -> None:
    assert page_of("rank").startswith("method.rank: ")
    assert "There is no `train.rank`; here it is `method.rank`." in page_of("train.rank")
    done = explain("limit")
    assert done.exit_code == 2
    assert "`data.train.limit`, `data.test.limit`" in done.output


def test_a_value_leads_to_the_keys_that_take_it() -> None:
    assert "\nhardware.precision: one of" in page_of("bf16")
    assert "train.schedule.type" in page_of("cosine")


@pytest.mark.parametrize("word", [word for word in VALUE_ALIASES if word not in ALIASES])
def test_another_tools_word_for_a_value_leads_to_ours(word: str) -> None:
    page = find_page(word)
    if page["kind"] == "value" and page["name"] != page["value"]:
        assert page["value"] == VALUE_ALIASES[word]
        assert f"`{word}` is written `{page['value']}` here" in " ".join(draw(page).split())
    assert page["kind"] in ("value", "key")


def test_names_of_ones_own_lead_to_the_map_that_holds_them() -> None:
    assert "names of your own" in page_of("data.columns.body")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("train.bacth", "train.batch"),
        ("trian", "train"),
        ("metod.rnk", "method.rank"),
        ("lora_aplha", "lora_alpha"),
    ],
)
def test_a_slip_is_wrong_usage_and_names_the_nearest(word: str, meant: str) -> None:
    done = explain(word)
    assert done.exit_code == 2
    assert f"did you mean `{meant}`?" in done.output


@pytest.mark.parametrize("word", ["NV999", "zzzzqqq", "", ".", "[]", "nv", "a\x1bb", "\ud800"])
def test_what_nothing_is_called_is_wrong_usage(word: str) -> None:
    with pytest.raises(UnknownTopic):
        find_page(word)


def test_codes_are_explained_in_either_case() -> None:
    assert page_of("nv301") == page_of("NV301")
    assert CODES["NV301"].why in page_of("NV301")


def test_without_a_topic_sections_and_families_are_listed() -> None:
    text = explain().output
    assert all(f"\n  {key.name} " in text for key in all_keys().values() if len(key.path) == 1)
    assert all(f"\n  NV{code[2]}xx " in text for code in CODES)


def test_a_family_lists_its_codes() -> None:
    text = page_of("NV2xx")
    assert text == page_of("nv2")
    assert [code for code in CODES if code in text] == [c for c in CODES if c[2] == "2"]
