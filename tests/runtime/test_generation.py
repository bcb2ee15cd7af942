"""Answers of a local model against Transformers' own `generate`, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import GenerationConfig, MistralConfig, MistralForCausalLM

from nivel.runtime.data.prompt import encode_text
from nivel.runtime.errors import DataError, ModelError
from nivel.runtime.generation import LocalModel, settle
from nivel.runtime.generation import decode as decode_module
from nivel.runtime.generation.equal import EqualLengths
from nivel.runtime.prompting.types import Cell, Generation

from .tiny import SIZES, TEXTS, ask, cell, cells, tiny

GREEDY = Generation(max_tokens=40)
SAMPLED = Generation(max_tokens=24, temperature=1.0, seed=7)


@pytest.fixture(scope="module")
def made() -> tuple[Any, Any]:
    return tiny()


def backend(made: tuple[Any, Any], batch_size: int = 4) -> LocalModel:
    return LocalModel.around("tiny", *made, batch_size=batch_size)


def generated(model: Any, tokenizer: Any, text: str, tokens: int, **more: Any) -> list[int]:
    """Return what `generate` adds to one prompt, alone in its batch."""
    ids = torch.tensor([encode_text(tokenizer, text)])
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )
    with torch.no_grad():
        whole = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    added: list[int] = whole[0, ids.shape[1] :].tolist()
    return added


def text_after(tokenizer: Any, text: str, ids: list[int]) -> str:
    lead = encode_text(tokenizer, text)[-1:]
    before = tokenizer.decode(lead, skip_special_tokens=True)
    return str(tokenizer.decode(lead + ids, skip_special_tokens=True)[len(before) :])


@pytest.mark.parametrize("batch_size", [1, 3, 8, 50])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_greedy_answers_equal_generate_one_by_one(batch_size: int, attention: str) -> None:
    model, tokenizer = tiny()
    model.set_attn_implementation(attention)
    found = ask(LocalModel.around("tiny", model, tokenizer, batch_size=batch_size), cells(GREEDY))
    for text, answer in zip(TEXTS, found, strict=True):
        expected = generated(model, tokenizer, text, 40)
        assert answer.text == text_after(tokenizer, text, expected)
        assert answer.output_tokens == len(expected)
        assert answer.input_tokens == len(encode_text(tokenizer, text))
        ended = expected[-1] == tokenizer.eos_token_id
        assert answer.finish == ("stop" if ended else "length")
        assert answer.error is None and answer.usd is None


def test_some_answers_of_the_fixture_end_by_themselves_and_some_are_cut(
    made: tuple[Any, Any],
) -> None:
    """Or the tests here would not test who leaves a batch and who enters."""
    ended = ask(early(made), cells(Generation(max_tokens=15, temperature=1.0), TEXTS * 3))
    assert {answer.finish for answer in ended} == {"stop", "length"}
    assert len({answer.output_tokens for answer in ended}) > 3


def early(made: tuple[Any, Any], batch_size: int = 3) -> LocalModel:
    """The model with many tokens that end an answer, so that rows end at different times."""
    model = backend(made, batch_size)
    model.__dict__["_ends"] = tuple(range(0, 290, 24))
    return model


def test_rows_that_end_early_leave_and_others_take_their_places(made: tuple[Any, Any]) -> None:
    asked = cells(
        Generation(max_tokens=30, temperature=1.0),
        [f"{text} {n}" for text in TEXTS for n in range(4)],
    )
    one_by_one = ask(early(made, 1), asked)
    for batch_size in (2, 5, 32):
        assert untimed(ask(early(made, batch_size), asked)) == untimed(one_by_one)


def untimed(answers: list[Any]) -> list[Any]:
    return [
        replace(answer, seconds=0.0, logprob=round(answer.logprob, 3), cached_tokens=None)
        for answer in answers
    ]


def test_a_batch_is_filled_up_again_and_rows_that_ended_are_not_computed(
    made: tuple[Any, Any],
) -> None:
    model = early(made, 8)
    rows: list[int] = []
    hook = model.model.register_forward_pre_hook(
        lambda _, __, named: rows.append(named["input_ids"].numel()), with_kwargs=True
    )
    asked = cells(Generation(max_tokens=30, temperature=1.0), [f"{n} red" for n in range(40)])
    try:
        found = ask(model, asked)
    finally:
        hook.remove()
    read = sum(len(encode_text(made[1], c.text or "")) for c in asked)
    written = sum(answer.output_tokens or 0 for answer in found)
    # Each token of a prompt is read once, and each token of an answer but the last, and no other,
    # save for the padding of prompts that are read together.
    assert sum(rows) <= read - len(asked) + written + 40
    assert len(rows) < written / 4


def test_equal_prompts_are_read_once(made: tuple[Any, Any]) -> None:
    model = backend(made, 8)
    sizes: list[tuple[int, ...]] = []
    hook = model.model.register_forward_pre_hook(
        lambda _, __, named: sizes.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    try:
        ask(model, cells(SAMPLED, ["short"] * 8))
    finally:
        hook.remove()
    assert sizes[0][0] == 1 and sizes[1] == (8, 1)


def test_a_long_beginning_that_all_share_is_read_once(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    texts = ["the same start of a question, over and over: " * 3 + str(n) for n in range(6)]
    found = ask(backend(made, 4), cells(GREEDY, texts))
    for text, answer in zip(texts, found, strict=True):
        assert answer.text == text_after(tokenizer, text, generated(model, tokenizer, text, 40))
        assert (answer.cached_tokens or 0) > 40


def test_sampled_answers_do_not_depend_on_the_batch_or_the_order(made: tuple[Any, Any]) -> None:
    asked = cells(SAMPLED)
    alone = {c.id: ask(backend(made, 1), [c])[0].text for c in asked}
    for batch_size in (1, 3, 8):
        for order in (asked, asked[::-1], asked[3:] + asked[:3]):
            found = ask(backend(made, batch_size), order)
            assert [answer.text for answer in found] == [alone[c.id] for c in order]
    assert alone[asked[0].id] != alone[asked[7].id], "the same prompt, but another cell"


def test_another_seed_draws_another_answer(made: tuple[Any, Any]) -> None:
    first, again, other = (
        [a.text for a in ask(backend(made), cells(replace(SAMPLED, seed=seed)))]
        for seed in (7, 7, 8)
    )
    assert first == again and first != other


def test_repetition_penalty_is_that_of_generate(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    found = ask(backend(made), cells(Generation(max_tokens=30, repetition_penalty=1.7)))
    for text, answer in zip(TEXTS, found, strict=True):
        expected = generated(model, tokenizer, text, 30, repetition_penalty=1.7)
        assert answer.text == text_after(tokenizer, text, expected)


def test_a_models_own_generation_settings_are_not_obeyed() -> None:
    model, tokenizer = tiny()
    plain = [a.text for a in ask(LocalModel.around("tiny", model, tokenizer), cells(GREEDY))]
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=5.0, repetition_penalty=3.0, max_new_tokens=2
    )
    assert [a.text for a in ask(LocalModel.around("t", model, tokenizer), cells(GREEDY))] == plain


def test_tokens_that_end_answers_come_from_the_weights_too(made: tuple[Any, Any]) -> None:
    model, tokenizer = tiny()
    first = generated(model, tokenizer, "one", 3)[1]
    model.generation_config.eos_token_id = [first]
    [answer] = ask(LocalModel.around("tiny", model, tokenizer), cells(GREEDY, ["one"]))
    assert answer.finish == "stop" and answer.output_tokens == 2


def test_the_log_probability_is_the_models_own(made: tuple[Any, Any]) -> None:
    """Before temperature and penalties, so that answers can be compared with each other."""
    model, tokenizer = made
    bent = Generation(max_tokens=12, temperature=2.5, top_k=9, frequency_penalty=0.5, seed=3)
    engine = backend(made)
    for text, answer in zip(TEXTS, ask(engine, cells(bent)), strict=True):
        ids = encode_text(tokenizer, text)
        added = tokenizer(answer.text, add_special_tokens=False)["input_ids"]
        if tokenizer.decode(added) != answer.text or len(added) != answer.output_tokens:
            continue  # the sampled tokens are not those that this text encodes to
        with torch.no_grad():
            logs = model(torch.tensor([ids + added])).logits[0].log_softmax(-1)
        summed = sum(float(logs[len(ids) - 1 + n, token]) for n, token in enumerate(added))
        assert answer.logprob == pytest.approx(summed, abs=1e-3)


def test_greedy_log_probabilities_add_up(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    for text, answer in zip(TEXTS, ask(backend(made), cells(GREEDY)), strict=True):
        ids, added = encode_text(tokenizer, text), generated(model, tokenizer, text, 40)
        with torch.no_grad():
            logs = model(torch.tensor([ids + added])).logits[0].log_softmax(-1)
        summed = sum(float(logs[len(ids) - 1 + n, token]) for n, token in enumerate(added))
        assert answer.logprob == pytest.approx(summed, abs=1e-3)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_stop_text_ends_an_answer_exactly_before_it(made: tuple[Any, Any], length: int) -> None:
    whole = ask(backend(made), cells(GREEDY))
    for place, answer in enumerate(whole):
        text = answer.text or ""
        stop = text[7 : 7 + length]
        if "\ufffd" in stop or not stop:
            continue
        one = cell(place, TEXTS[place], replace(GREEDY, stop=("never seen", stop)))
        [cut] = ask(backend(made), [one])
        assert cut.text == text[: text.index(stop)]
        assert cut.finish == "stop"
        assert (cut.output_tokens or 0) <= (answer.output_tokens or 0)


def test_characters_of_several_tokens_are_whole_in_the_text() -> None:
    """A byte-level token may be a third of a character; a stop text may begin within a token."""
    model, tokenizer = tiny()
    from nivel.runtime.generation.texts import GrowingText

    ids = tokenizer("añ€🙂, then STOP here", add_special_tokens=False)["input_ids"]
    growing = GrowingText(tokenizer, ids[0], ["n STOP"])
    hit = [growing.add(token) for token in ids[1:]]
    assert growing.text() == ("ñ€🙂, the", True)
    assert hit.index(True) < len(ids) - 4
    assert GrowingText(tokenizer, ids[0], ["🙂"]).text() == ("", False)


def test_prompts_that_do_not_fit_are_refused_before_anything_is_answered(
    made: tuple[Any, Any],
) -> None:
    asked = cells(Generation(max_tokens=500), ["one", "y" * 30, "z" * 40])
    told: list[Cell] = []
    with pytest.raises(DataError, match="2 of 3 prompts.*500.*512 positions.*40 tokens"):
        backend(made).answer(asked, told.append, lambda *_: None, lambda: False)
    assert told == []
    with pytest.raises(DataError, match="prompt of row '0' is empty"):
        ask(backend(made), cells(GREEDY, [""]))


def test_an_answer_may_reach_the_models_last_position(made: tuple[Any, Any]) -> None:
    prompt = "w" * 500
    tokens = 512 - len(encode_text(made[1], prompt)) + 1
    asked = cells(Generation(max_tokens=tokens, temperature=1.0), [prompt])
    assert ask(backend(made), asked)[0].finish in ("stop", "length")
    with pytest.raises(DataError, match="1 of 1 prompts"):
        ask(backend(made), cells(Generation(max_tokens=tokens + 1), [prompt]))


def test_stop_leaves_the_rest_unanswered_and_unpaid(made: tuple[Any, Any]) -> None:
    asked = cells(GREEDY)
    intended: list[str] = []
    found: list[str] = []
    backend(made, 2).answer(
        asked,
        lambda c: intended.append(c.id),
        lambda c, _: found.append(c.id),
        lambda: len(intended) >= 3,
    )
    assert sorted(intended) == sorted(found) and len(found) == 3


def test_cells_with_different_settings_are_answered_together(made: tuple[Any, Any]) -> None:
    mixed = cells(GREEDY)[:3] + cells(SAMPLED)[3:]
    found = ask(backend(made), mixed)
    alone = ask(backend(made), cells(GREEDY))[:3] + ask(backend(made), cells(SAMPLED))[3:]
    assert [a.text for a in found] == [a.text for a in alone]


def test_a_chat_is_written_with_the_tokenizers_template() -> None:
    model, tokenizer = tiny()
    messages = ({"role": "system", "content": "red"}, {"role": "user", "content": "blue"})
    asked = [replace(cell(0, "", GREEDY), text=None, messages=messages)]
    with pytest.raises(DataError, match="chat template"):
        ask(LocalModel.around("tiny", model, tokenizer), asked)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    [chat] = ask(LocalModel.around("tiny", model, tokenizer), asked)
    [plain] = ask(
        LocalModel.around("tiny", model, tokenizer),
        cells(GREEDY, ["<system>red\n<user>blue\n<assistant>"]),
    )
    assert chat.text == plain.text


def test_the_model_is_left_in_the_mode_it_came_in_even_after_a_fault(made: tuple[Any, Any]) -> None:
    model, tokenizer = tiny()
    model.train()
    ask(LocalModel.around("tiny", model, tokenizer), cells(GREEDY, ["one"]))
    assert model.training
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        ask(LocalModel.around("tiny", model, tokenizer), cells(GREEDY, ["one"]))
    assert model.training


def test_half_precision_answers() -> None:
    model, tokenizer = tiny()
    found = ask(LocalModel.around("tiny", model.to(torch.bfloat16), tokenizer), cells(GREEDY))
    assert all(answer.text for answer in found)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_models_with_a_sliding_window_answer_in_batches_of_equal_lengths(batch_size: int) -> None:
    _, tokenizer = tiny()
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=290,
        sliding_window=8,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        **SIZES,
    )
    model = MistralForCausalLM(config).eval()
    texts = ["one red", "two red", "one", "", "three blue and green"]
    texts[3] = "é"
    engine = decode_module._engine(model, [[1, 2], [3, 4]], batch_size)
    assert isinstance(engine, EqualLengths)
    local = LocalModel.around("tiny", model, tokenizer, batch_size=batch_size)
    local.__dict__["_ends"] = (tokenizer.eos_token_id, *range(0, 290, 24))
    for text, answer in zip(texts, ask(local, cells(GREEDY, texts)), strict=True):
        expected = generated(model, tokenizer, text, 40)
        ends = [place for place, token in enumerate(expected) if token in local._ends]
        said = expected[: ends[0]] if ends else expected
        assert answer.text == text_after(tokenizer, text, said)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Generation(reasoning_effort="low"), "reasoning_effort"),
        (Generation(temperature=-1.0), "temperature must be 0 or more"),
        (Generation(temperature=float("nan")), "temperature"),
        (Generation(top_p=0.0), "top_p"),
        (Generation(max_tokens=0), "max_tokens"),
        (Generation(stop=("x", "")), "stop must hold no empty text"),
        (Generation(repetition_penalty=0.0), "repetition_penalty"),
    ],
)
def test_what_a_local_model_cannot_do_is_refused(asked: Generation, message: str) -> None:
    with pytest.raises(DataError, match=message):
        settle(asked)


def test_identity_changes_with_the_weights_and_not_with_the_batch(made: tuple[Any, Any]) -> None:
    same = [backend(made, size).identity() for size in (1, 9)]
    assert same[0] == same[1]
    other = LocalModel.around("tiny", *tiny(seed=1)).identity()
    assert other["weights"] != same[0]["weights"]


def test_a_model_of_a_folder_answers_as_the_one_that_was_saved(
    made: tuple[Any, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nivel.runtime.models import save_model

    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    save_model(*made, tmp_path / "saved")
    loaded = LocalModel("tiny", "./saved", batch_size=3)
    before = loaded.identity()
    assert [a.text for a in ask(loaded, cells(GREEDY))] == [
        a.text for a in ask(backend(made), cells(GREEDY))
    ]
    (tmp_path / "saved" / "tokenizer_config.json").write_text("{}")
    assert LocalModel("tiny", "./saved").identity() != before
