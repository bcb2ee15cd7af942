"""Valid specs, drawn from the schemas: every level, every choice, within every bound.

A schema gives values that are right by themselves. What has to agree between keys is settled
afterwards, each subject in one small function, so that nearly every draw is a valid spec.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from nivel.compiler.language import tree
from nivel.schemas import LEVELS

from .asking import asked, conversing
from .launching import settle_launcher, settle_workers
from .sizes import settle_mixture, settle_sizes
from .tuning import (
    settle_answers,
    settle_head,
    settle_measures,
    settle_method,
    settle_objective,
    settle_speed,
    settle_training,
)

THOROUGH = bool(os.environ.get("NIVEL_THOROUGH"))

Spec = dict[str, Any]

AWKWARD = (
    '"""', "'''", "\\", "\\n", "\n", "\r\n", "\t", "'", '"', "#", "# -*- coding: latin1 -*-",
    "{", "}", "{x}", "{0}", "%s", "%(x)s", "$HOME", "\\N{BULLET}", "\\x41", "\\u202e", "\u202e",
    "\u2028",
    "\x85",
    "\ufeff", "\U0001f600", "\u05e9\u05dc\u05d5\u05dd", "import os", "__import__('os')", "None",
    "true", "~", "- a", "a: b", "1e3", "0x10", "[a]", "{a: b}", "*a", "&a", "!a", "|", ">", "%a",
    "`id`", "$(id)", "; rm", "<script>", "&amp;", "eval(", "\x7f", "\u200b", "e\u0301",
)  # fmt: skip
"""Pieces that mean something to Python, YAML, Jinja, a shell, a terminal or an editor."""


def sized(quick: int) -> Any:
    """Return hypothesis settings: ``quick`` examples, or ten times as many if thorough.

    The quick ones are the same in every run, so that a run of the tests says what the code does.
    Neither makes a failing example smaller: a check takes long enough for that to take minutes.
    """
    return settings(
        max_examples=quick * 10 if THOROUGH else quick,
        deadline=None,
        derandomize=not THOROUGH,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def as_text(data: Any) -> str:
    """Write data as JSON, which is YAML but for pairs of surrogates; escape what editors hide."""
    text = json.dumps(data, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def free_text() -> st.SearchStrategy[str]:
    """Any text that a spec may hold, awkward ones often."""
    characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
    pieces = st.one_of(st.sampled_from(AWKWARD), st.text(characters, max_size=8))
    return st.lists(pieces, min_size=1, max_size=5).map("".join).filter(str.strip)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema without references allows."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "cases" in schema:
        return st.one_of(*map(_maps, schema["cases"].values()))
    if "oneOf" in schema and "properties" not in schema:
        return st.one_of(*map(values, schema["oneOf"]))
    return _KINDS[schema["type"]](schema)


def _integers(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 5000), 2**32 - 1))


def _floats(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1000))
    ends = {
        "exclude_min": "exclusiveMinimum" in schema,
        "exclude_max": "exclusiveMaximum" in schema,
    }
    return st.floats(low, high, allow_nan=False, **ends)


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"))
    return free_text()


def _lists(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least = schema.get("minItems", 0)
    return st.lists(values(schema["items"]), min_size=least, max_size=least + 3, unique_by=repr)


def _maps(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if isinstance(schema.get("additionalProperties"), dict):
        plain = schema["additionalProperties"].get("type") == "string"
        names = {"text": "text", "label": "label"} if plain else {}
        return st.just(names)
    if "properties" not in schema:
        return st.just({"type": "object"})
    needed = set(schema.get("required", ()))
    rivals = [branch["required"][0] for branch in schema.get("oneOf", ())]
    keys = {key: values(inner) for key, inner in schema["properties"].items()}
    if rivals:
        keys = {key: found for key, found in keys.items() if key not in rivals[1:]}
        needed.add(rivals[0])
    optional = {key: found for key, found in keys.items() if key not in needed}
    required = {key: found for key, found in keys.items() if key in needed}
    return st.fixed_dictionaries(required, optional=optional)


_KINDS = {
    "boolean": lambda schema: st.booleans(),
    "integer": _integers,
    "number": _floats,
    "string": _texts,
    "array": _lists,
    "object": _maps,
}


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A spec that the compiler accepts."""
    level = draw(st.sampled_from(LEVELS))
    spec: Spec = draw(_maps(tree(level)))
    spec.pop("extends", None)
    if level == "prompt":
        spec.setdefault("data", {}).setdefault("test", {})
        spec = asked(draw, spec, free_text())
    spec["description"] = draw(free_text())
    spec.pop("sweep", None)  # its fields are paths, which draws would not hit
    if level == "finetune":
        settle_head(spec)
    for settle in (_settle_data, _settle_task, _settle_track, _settle_model,
                   _settle_hardware, _settle_train, settle_method):  # fmt: skip
        settle(spec, level)
    if level == "finetune":
        spec["task"] = conversing(draw, spec["task"])
    return reworded(spec, draw)


def reworded(spec: Spec, draw: st.DrawFn) -> Spec:
    """Return the spec with every free text drawn anew; only texts differ."""
    spec = {**spec, "description": draw(free_text())}
    if "task" in spec:
        spec["task"] = _reworded_task(spec["task"], draw)
    if "stop" in spec.get("generation", {}):
        count = len(spec["generation"]["stop"])
        stop = draw(st.lists(free_text(), min_size=count, max_size=count, unique=True))
        spec["generation"] = {**spec["generation"], "stop": stop}
    if "system" in spec.get("prompt", {}):
        spec["prompt"] = {**spec["prompt"], "system": draw(free_text())}
    if "next_word" in spec.get("evaluate", {}):
        word = {**spec["evaluate"]["next_word"], "text": draw(free_text())}
        spec["evaluate"] = {**spec["evaluate"], "next_word": word}
    for key in ("targets", "target_modules", "modules_to_save"):
        if isinstance(spec.get("method", {}).get(key), list):
            count = len(spec["method"][key])
            names = st.lists(_module(), min_size=count, max_size=count, unique=True)
            spec["method"] = {**spec["method"], key: draw(names)}
    return spec


def _reworded_task(task: Spec, draw: st.DrawFn) -> Spec:
    around = [draw(_plain_text()) for _ in range(2)]
    asked = f"{around[0]}{{{{ text }}}}{around[1]}"
    if "messages" in task:
        said = [{**one, "content": draw(_plain_text())} for one in task["messages"][:-1]]
        task = {**task, "messages": [*said, {**task["messages"][-1], "content": asked}]}
    elif task["type"] == "embed":
        task = {**task, "query_prefix": around[0]}
    elif task["type"] not in ("chat", "prefer"):
        task = {**task, "input": asked}
    if "labels" in task:
        count = len(task["labels"])
        labels = draw(st.lists(_label(), min_size=count, max_size=count, unique_by=_alike))
        task["labels"] = labels
    return task


def _alike(label: str) -> str:
    return label.strip().casefold()


def _label() -> st.SearchStrategy[str]:
    return free_text().map(str.strip).filter(lambda label: label == " ".join(label.split()))


def _module() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-z][a-z0-9_]{0,12}(\.[a-z0-9_]{1,5})?", fullmatch=True)


def _plain_text() -> st.SearchStrategy[str]:
    return free_text().map(lambda text: text.replace("{", "(").replace("}", ")"))


def _settle_data(spec: Spec, level: str) -> None:
    data = spec["data"]
    if level == "pretrain" and ("task" not in spec or "test" not in data):
        for key in ("train", "test", "columns"):
            data.pop(key, None)
        spec.pop("task", None)
    if level == "pretrain":
        _settle_text(data, "test" in data)
    for part in ("train", "validation", "test"):
        if part in data:
            data[part].update(builtin="python-docs", split=part)
            if "labels" not in spec["task"]:
                data[part].pop("balance", None)
            if data[part].get("balance") and "limit" in data[part]:
                share = 1 + data[part]["limit"] % 50
                data[part]["limit"] = share * len(spec["task"]["labels"])


def _settle_text(data: Spec, tested: bool) -> None:
    """Of several sources all have a weight and a name of their own; the project has no files."""
    sources = data["text"] if isinstance(data["text"], list) else [data["text"]]
    for place, source in enumerate(sources):
        for key in ("path", "column", "hub"):
            source.pop(key, None)
        source["builtin"] = "python-docs"
        if isinstance(data["text"], list):
            source.update(name=f"{place} {source.get('name', '')}", weight=1 + place)
    steps = data.get("curate", [])
    data["curate"] = [step for step in steps if tested or step["type"] != "overlap"]
    for step in data["curate"]:
        for key in ("max_characters", "max_words", "max_mean_word"):
            step.pop(key, None)
        for key in ("max_top_grams", "max_repeated_grams"):
            if key in step:
                step[key] = step[key][:3]
        if step["type"] == "length":
            step["min_words"] = 5
        if step["type"] == "gopher-quality" and step.get("min_words", 0) > 100000:
            step["min_words"] = 50
        if step["type"] == "gopher-quality" and step.get("min_mean_word", 0) > 10:
            step["min_mean_word"] = 3


def _settle_task(spec: Spec, level: str) -> None:
    evaluate, task = spec.get("evaluate", {}), spec.get("task")
    if task is None:
        evaluate.pop("metrics", None)
        evaluate.pop("confidence", None)
        evaluate.pop("lm_eval", None)
    elif level == "pretrain":
        evaluate.pop("lm_eval", None)  # some names are files
        task["format"] = "plain"
    elif level == "finetune":
        settle_objective(spec, task)
        settle_measures(evaluate, task)
        settle_answers(spec, task)


def _settle_model(spec: Spec, level: str) -> None:
    model = spec.get("model", {})
    if level == "prompt":
        for known in (model, *spec.get("models", {}).values()):
            if "path" in known:
                known.update(path="org/name")
                known.pop("revision", None)
        return
    if level != "pretrain":
        model["path"] = "org/name"
        model.pop("chat_template", None)  # it names a file, and the project has none
        if spec["task"]["type"] == "extract":
            spec["task"]["schema"] = {"type": "object", "properties": {}}
        if spec["task"]["type"] not in ("chat", "prefer"):
            spec["data"].pop("format", None)  # of conversations, which no other task reads
        if "revision" in model:
            model["revision"] = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"
        return
    tokenizer = spec["tokenizer"]
    if "path" in tokenizer:
        tokenizer.update(path="org/name", revision="93efa2f097d58c2a74874c7e644dbc9b0cee75a2")
    settle_sizes(model, spec["train"])


def _settle_track(spec: Spec, level: str) -> None:
    """Names are plain, and a talk leaves nothing to track."""
    for service in spec.get("track", {}).values():
        for key, said in service.items():
            plain = "".join(char for char in said if char.isascii() and char.isalnum())
            service[key] = f"a{plain}"[:100]
    talks = level == "prompt" and spec["task"]["type"] == "chat"
    if talks or not spec.get("track"):
        spec.pop("track", None)


def _settle_hardware(spec: Spec, level: str) -> None:
    hardware = spec.get("hardware")
    if not isinstance(hardware, dict):
        spec["hardware"] = "cpu"
        return
    if level == "prompt":
        hardware.pop("micro_batch", None)
        settle_workers(hardware, spec)
    settle_launcher(hardware)
    if "accelerator" in hardware:
        hardware["profile"] = hardware["accelerator"]
    elif "profile" in hardware and hardware["profile"] not in ("cpu", "cuda"):
        hardware["profile"] = "cpu"
    for key, most in (("threads", 16), ("devices", 4), ("nodes", 3), ("micro_batch", 8)):
        if key in hardware:
            hardware[key] = 1 + hardware[key] % most


def _settle_train(spec: Spec, level: str) -> None:
    settle_speed(spec)
    train, hardware = spec.get("train"), spec.get("hardware")
    if train is None:
        return
    machine = hardware if isinstance(hardware, dict) else {}
    unit = machine.get("devices", 1) * machine.get("nodes", 1) * machine.get("micro_batch", 1)
    train["batch"] = unit * (1 + train.get("batch", 0) % 8)
    if level == "pretrain":
        length = spec["model"].get("max_position_embeddings")
        train["sequence_length"] = min(8 + train["sequence_length"], max(2, length or 5000))
        spec["model"].pop("max_position_embeddings") if length and length < 2 else None
        if "budget" not in spec["model"]:
            step = train["batch"] * train["sequence_length"]
            train["tokens"] = step * (1 + train.get("tokens", 0) % 50)
    if not ("validate_every" in train if level == "pretrain" else "validation" in spec["data"]):
        for key in ("validate_every", "early_stopping", "use"):
            train.pop(key, None)
    settle_training(spec)
    if level == "pretrain":
        settle_mixture(spec)
    rows = spec["data"].get("train", {}).get("limit")
    if level == "finetune" and rows is not None:
        spec["data"]["train"].pop("limit")
        spec["data"]["train"].pop("balance", None)
