"""Drawn specs of level prompt: every task, several models and ways of asking, all the options."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nivel.compiler.planner_prompt import comparable
from nivel.compiler.rules.prompting import METRICS

Spec = dict[str, Any]

WRITTEN = ("generated", "generate", "extract")
ENDPOINT = {"type": "vllm", "base_url": "https://models.example.com/v1", "name": "large"}
KEY = {"env": "EXAMPLE_KEY", "host": "models.example.com"}
PRICE = {"input": 1, "output": 2.5, "source": "list", "date": "2026-01-01"}


def asked(draw: st.DrawFn, spec: Spec, text: st.SearchStrategy[str]) -> Spec:
    """Return a drawn spec of level prompt with a task of any kind, and what goes with it."""
    kind = draw(st.sampled_from(("likelihood", "language-model", *WRITTEN)))
    spec = {key: value for key, value in spec.items() if key not in ("models", "budget")}
    spec.pop("generation", None)
    spec["task"] = conversing(draw, _task(draw, kind, spec["task"]))
    spec["prompt"] = _prompt(draw, kind, spec, text)
    chat = spec["task"].get("format") == "chat" or "messages" in spec["task"]
    if not chat or kind == "language-model" or _opens(spec["task"]):
        _without_system(spec["prompt"])
    if kind in WRITTEN:
        spec |= _models(draw, spec.pop("model"))
        spec["generation"] = draw(_generation(text))
        if draw(st.booleans()):
            spec["budget"] = {"calls": draw(st.integers(1, 10**6)), "minutes": 1.5}
    spec["evaluate"] = _evaluate(draw, kind, spec, text)
    return spec


def _task(draw: st.DrawFn, kind: str, drawn: Spec) -> Spec:
    format = draw(st.sampled_from(("plain", "chat")))
    if kind == "language-model":
        return {"type": kind, "input": "{{ text }}"}
    if kind == "generate":
        return {"type": kind, "input": "{{ text }}", "format": format}
    if kind == "extract":
        schema = {"type": "object", "properties": {"a": {"enum": ["x", 1, None, 2.5, True]}}}
        return {"type": kind, "input": "{{ text }}", "format": format, "schema": schema}
    labels = drawn.get("labels") or ["a", "b"]
    task = {"type": "classify", "labels": labels, "input": "{{ text }}", "format": format}
    if kind == "generated":
        return {**task, "scoring": kind}
    scoring = draw(st.sampled_from(("sum", "per-token", "per-byte", "pmi")))
    null = {"null_input": "N/A"} if scoring == "pmi" else {}
    return {**task, "scoring": scoring, **null}


def conversing(draw: st.DrawFn, task: Spec) -> Spec:
    """Return the task with messages in place of its input, now and then, where it may have them."""
    kinds = ("classify", "generate", "extract")
    if task["type"] not in kinds or task.get("scoring") == "pmi" or draw(st.booleans()):
        return task
    opening = draw(st.sampled_from(([], ["system"], ["developer"], ["developer", "system"])))
    turns = draw(st.sampled_from(([], ["user", "assistant"], ["user"])))
    said = [{"role": role, "content": "So."} for role in (*opening, *turns)]
    kept = {key: value for key, value in task.items() if key not in ("input", "format")}
    format = draw(st.sampled_from(({}, {"format": "chat"})))
    return {**kept, **format, "messages": [*said, {"role": "user", "content": "{{ text }}"}]}


def _prompt(draw: st.DrawFn, kind: str, spec: Spec, text: st.SearchStrategy[str]) -> Spec:
    prompt: Spec = {}
    pool = "train" in spec["data"] and kind != "language-model"
    if pool and draw(st.booleans()):
        prompt["few_shot"] = draw(_few_shot())
    if draw(st.booleans()):
        prompt["system"] = draw(text)
    if kind in WRITTEN and draw(st.booleans()):
        inner: Spec = {"system": draw(text), "input": "{{ text }}?"}
        if pool:
            inner["few_shot"] = draw(_few_shot())
        said = {"messages": [{"role": "user", "content": "{{ text }}!"}]}
        talk = {"talk": said} if spec["task"].get("format") == "chat" else {}
        prompt["variants"] = {"plain": {}, "other": inner, **talk}
    if kind in WRITTEN and draw(st.booleans()):
        prompt["repeats"] = draw(st.integers(1, 9))
    return prompt


def _few_shot() -> st.SearchStrategy[Any]:
    count = st.integers(1, 5)
    chosen = st.builds(
        lambda n, how: {"count": n, "choose": how}, count, st.sampled_from(("random", "nearest"))
    )
    fixed = st.just({"count": 1, "choose": "fixed", "ids": ["row:1"]})
    return st.one_of(chosen, fixed)


def _opens(task: Spec) -> bool:
    return "messages" in task and task["messages"][0]["role"] in ("system", "developer")


def _without_system(prompt: Spec) -> None:
    prompt.pop("system", None)
    for variant in prompt.get("variants", {}).values():
        variant.pop("system", None)


def _models(draw: st.DrawFn, model: Spec) -> Spec:
    extra = draw(st.sampled_from(({}, {"key": KEY}, {"price": PRICE, "batch_price": PRICE})))
    remote = {"endpoint": {**ENDPOINT, **extra}}
    form = draw(st.sampled_from(("local", "remote", "both")))
    if form == "both":
        return {"models": {"one": model, "two": remote}}
    return {"model": model if form == "local" else remote}


def _generation(text: st.SearchStrategy[str]) -> st.SearchStrategy[Spec]:
    return st.fixed_dictionaries(
        {"temperature": st.sampled_from((0.5, 1, 2))},
        optional={
            "max_tokens": st.integers(1, 99),
            "top_p": st.just(0.9),
            "top_k": st.integers(1, 50),
            "min_p": st.just(0.1),
            "stop": st.lists(text, min_size=1, max_size=2, unique=True),
            "send_seed": st.booleans(),
            "repetition_penalty": st.just(1.5),
        },
    )


def _evaluate(draw: st.DrawFn, kind: str, spec: Spec, text: st.SearchStrategy[str]) -> Spec:
    known = METRICS["classify"][:2] if kind == "generated" else METRICS[spec["task"]["type"]]
    plain = [name for name in known if name not in ("regex", "numeric", "embedding")]
    metrics = draw(st.lists(st.sampled_from(plain), min_size=1, unique=True))
    evaluate: Spec = {"metrics": metrics}
    if kind in ("likelihood", "language-model") and draw(st.booleans()):
        evaluate["next_word"] = {"text": draw(text), "top": 3}
    if kind == "generate" and draw(st.booleans()):
        encoder = {"type": "embedding", "model": {"path": "pkg:weights/encoder"}}
        evaluate["metrics"] = [*metrics, {"type": "numeric", "tolerance": 0.5}, encoder]
    if draw(st.booleans()):
        evaluate["gates"] = [{"metric": metrics[0], "at_least": 0.5, "bound": "low"}]
    if kind in ("generate", "extract"):
        _judged(draw, evaluate, text)
    if kind in WRITTEN and (named := comparable(metrics)):
        _compared(draw, evaluate, spec, named)
    return evaluate


def _judged(draw: st.DrawFn, evaluate: Spec, text: st.SearchStrategy[str]) -> None:
    """Keep the metric `judged` with a judge, or leave out both."""
    if "judged" not in evaluate["metrics"]:
        return
    writes = draw(st.booleans())
    model = {"endpoint": {**ENDPOINT, "price": PRICE}} if writes else {"path": "pkg:weights/judge"}
    judge: Spec = {
        "model": model,
        "input": "{{ text }} {{ answer }}",
        "choices": draw(st.sampled_from(({"good": 1, "bad": 0}, {"1": 0, "2": 0.5, "3": 1}))),
    }
    if writes and draw(st.booleans()):
        judge |= {"format": "chat", "system": draw(text), "generation": {"max_tokens": 9}}
    elif not writes:
        judge["scoring"] = draw(st.sampled_from(("sum", "per-token", "per-byte", "generated")))
    evaluate["judge"] = judge


def _compared(draw: st.DrawFn, evaluate: Spec, spec: Spec, named: list[str]) -> None:
    variants = spec["prompt"].get("variants")
    if draw(st.booleans()):
        evaluate["baseline"] = "run:before"
    elif variants is None:
        return
    elif draw(st.booleans()):
        evaluate["baseline"] = {"variant": draw(st.sampled_from(list(variants)))}
    evaluate["compare"] = draw(st.sampled_from(named))
    gate = {"metric": evaluate["compare"], "of": "difference", "at_least": -0.5}
    evaluate.setdefault("gates", []).append(gate)
