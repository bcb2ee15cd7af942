"""Label likelihoods against reading prompt and label together, one by one."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from nivel.runtime.data import Prompt, Row
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import evaluate_classifier
from nivel.runtime.evaluation import prefix as prefix_module
from nivel.runtime.evaluation.prefix import can_reuse_prefix, score_labels, shared_prefix_length
from nivel.runtime.models import new_model, train_byte_bpe

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
# One token, several tokens, tokens in common at the start: all that labels can be.
ENDINGS = [[5], [6, 7, 8], [6, 7, 9, 10], [11, 5], [6]]


def llama(attention: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(0)
    # Wide weights, so that scores lie far apart and errors would show.
    config = LlamaConfig(
        vocab_size=64, initializer_range=0.4, attn_implementation=attention, **SIZES
    )
    return LlamaForCausalLM(config).eval()


def prompts(shared: int = 0, count: int = 13) -> list[list[int]]:
    draw = random.Random(1)
    head = [draw.randrange(64) for _ in range(shared)]
    return [head + [draw.randrange(64) for _ in range(draw.randrange(1, 30))] for _ in range(count)]


def one_by_one(model: Any, asked: list[list[int]], endings: list[list[int]]) -> torch.Tensor:
    scores = torch.zeros(len(asked), len(endings))
    with torch.no_grad():
        for row, prompt in enumerate(asked):
            for column, ending in enumerate(endings):
                logits = model(torch.tensor([prompt + ending]), use_cache=False).logits[0]
                logs = logits.float().log_softmax(-1)
                for offset, token in enumerate(ending):
                    scores[row, column] += logs[len(prompt) - 1 + offset, token]
    return scores


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("shared", [0, 3, 40])
def test_cached_scores_equal_reading_everything(attention: str, shared: int) -> None:
    model, asked = llama(attention), prompts(shared)
    assert can_reuse_prefix(model)
    torch.testing.assert_close(
        score_labels(model, asked, ENDINGS, batch_size=4),
        one_by_one(model, asked, ENDINGS),
        atol=1e-4,
        rtol=0,
    )


def test_single_token_labels_need_no_second_pass() -> None:
    model, asked = llama(), prompts()
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    found = score_labels(model, asked, [[5], [6], [7]], batch_size=len(asked))
    assert len(calls) == 1
    torch.testing.assert_close(found, one_by_one(model, asked, [[5], [6], [7]]), atol=1e-4, rtol=0)


def test_a_long_shared_beginning_is_read_once() -> None:
    model, asked = llama(), prompts(shared=60, count=8)
    tokens = []
    model.register_forward_pre_hook(
        lambda _, __, named: tokens.append(named["input_ids"].numel()), with_kwargs=True
    )
    score_labels(model, asked, [[5], [6]], batch_size=8)
    assert tokens[0] == 60
    assert sum(tokens) < 60 + 8 * 30


def test_many_labels_are_scored_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = llama(), prompts(shared=20)
    whole = score_labels(model, asked, ENDINGS, batch_size=4)
    # Room for two tail tokens a row: every long label becomes a group of its own.
    monkeypatch.setattr(prefix_module, "LARGEST_LOGITS", 4 * 64 * 2)
    torch.testing.assert_close(score_labels(model, asked, ENDINGS, batch_size=4), whole)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 13, 100])
def test_batches_do_not_change_scores_or_their_order(batch_size: int) -> None:
    model, asked = llama(), prompts(shared=2)
    reference = one_by_one(model, asked, ENDINGS)
    found = score_labels(model, asked, ENDINGS, batch_size=batch_size)
    torch.testing.assert_close(found, reference, atol=1e-4, rtol=0)
    assert found.argmax(1).tolist() == reference.argmax(1).tolist()


def test_models_with_a_sliding_window_are_scored_whole() -> None:
    torch.manual_seed(0)
    config = MistralConfig(vocab_size=64, sliding_window=8, initializer_range=0.4, **SIZES)
    model, asked = MistralForCausalLM(config).eval(), prompts(shared=20)
    assert not can_reuse_prefix(model)
    torch.testing.assert_close(
        score_labels(model, asked, ENDINGS, batch_size=4),
        one_by_one(model, asked, ENDINGS),
        atol=1e-4,
        rtol=0,
    )


def test_adapters_are_part_of_the_score() -> None:
    from peft import LoraConfig, get_peft_model

    asked, plain = prompts(), llama()
    before = score_labels(plain, asked, ENDINGS)
    tuned = get_peft_model(
        copy.deepcopy(plain), LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    found = score_labels(tuned, asked, ENDINGS)
    assert not torch.allclose(found, before, atol=1e-2)
    torch.testing.assert_close(found, one_by_one(tuned.eval(), asked, ENDINGS), atol=1e-4, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_comes_back_in_the_mode_it_came_in(training: bool) -> None:
    model = llama().train(training)
    score_labels(model, prompts(count=2), ENDINGS)
    assert model.training is training


def test_dropout_is_off_while_scoring() -> None:
    config = LlamaConfig(vocab_size=64, attention_dropout=0.5, **SIZES)
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).train()
    first, second = (score_labels(model, prompts(), ENDINGS) for _ in range(2))
    assert torch.equal(first, second)


def test_half_precision_scores_stay_close_and_are_fp32() -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, **SIZES)).eval()
    full = score_labels(model, prompts(), ENDINGS)
    half = score_labels(copy.deepcopy(model).to(torch.bfloat16), prompts(), ENDINGS)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, atol=0.05, rtol=0)


def test_a_shared_beginning_leaves_every_prompt_a_token() -> None:
    assert shared_prefix_length([[1, 2, 3], [1, 2, 3]]) == 2
    assert shared_prefix_length([[1, 2, 3, 4], [1, 2]]) == 1
    assert shared_prefix_length([[1, 2], [3, 2]]) == 0


class Counter:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def update(self, done: int, **values: Any) -> None:
        self.told.append(done)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_byte_bpe(["red green blue and other colours of the sky"], 280)


@pytest.fixture
def model(tokenizer: Any) -> Iterator[Any]:
    torch.manual_seed(0)
    yield new_model("llama", SIZES, tokenizer)


LABELS = ("red", "green", "bluish grey")
ROWS = [Row(str(i), {"text": f"row {'x' * i}"}, LABELS[i % 3]) for i in range(9)]
PROMPT = Prompt("Text: {{ text }}\nColour:", LABELS)


def test_predictions_keep_the_order_of_the_rows_and_add_up(model: Any, tokenizer: Any) -> None:
    told = Counter()
    found = evaluate_classifier(
        model, tokenizer, ROWS, PROMPT, LABELS, batch_size=4, progress=told, confidence=0.9
    )
    assert [row["id"] for row in found.predictions] == [row.id for row in ROWS]
    right = sum(row["label"] == row["prediction"] for row in found.predictions)
    assert found.metrics["accuracy"]["value"] == right / 9
    assert set(found.metrics) == {"accuracy", "macro_f1"}
    for row in found.predictions:
        assert row["prediction"] == max(row["scores"], key=row["scores"].__getitem__)
    assert told.told == [4, 8, 9]
    endings = PROMPT.label_ids(tokenizer)
    tails = sum(len(ids) - 1 for ids in endings.values())
    lengths = sum(len(PROMPT.encode(tokenizer, row.fields)) for row in ROWS)
    assert found.tokens_read == lengths + 9 * tails


def test_per_token_scores_are_sums_divided_by_tokens(model: Any, tokenizer: Any) -> None:
    summed, mean = (
        evaluate_classifier(model, tokenizer, ROWS, PROMPT, LABELS, scoring=scoring)
        for scoring in ("sum", "per-token")
    )
    endings = PROMPT.label_ids(tokenizer)
    assert len({len(ids) for ids in endings.values()}) > 1
    for one, other in zip(summed.predictions, mean.predictions, strict=True):
        for label in LABELS:
            expected = one["scores"][label] / len(endings[label])
            assert other["scores"][label] == pytest.approx(expected, rel=1e-5)


def test_a_row_without_a_label_of_the_task_is_named(model: Any, tokenizer: Any) -> None:
    with pytest.raises(DataError, match="'odd'.*'pink'"):
        evaluate_classifier(
            model, tokenizer, [*ROWS, Row("odd", {"text": "x"}, "pink")], PROMPT, LABELS
        )
    with pytest.raises(DataError, match="no test rows"):
        evaluate_classifier(model, tokenizer, [], PROMPT, LABELS)


def test_a_prompt_longer_than_the_context_is_refused(model: Any, tokenizer: Any) -> None:
    rows = [*ROWS, Row("long", {"text": "y" * 400}, "red")]
    with pytest.raises(DataError, match="1 of 10 test prompts exceed the model's 256 positions"):
        evaluate_classifier(model, tokenizer, rows, PROMPT, LABELS)


def test_an_empty_prompt_is_refused(model: Any, tokenizer: Any) -> None:
    with pytest.raises(DataError, match="'0' is empty"):
        evaluate_classifier(model, tokenizer, ROWS, Prompt("{{ '' }}", LABELS), LABELS)


def test_labels_with_the_same_tokens_are_refused(model: Any) -> None:
    class Same:
        def label_ids(self, tokenizer: Any) -> dict[str, list[int]]:
            return {"red": [5], "green": [5], "blue": [6]}

    with pytest.raises(DataError, match="'red' and 'green' are the same tokens"):
        evaluate_classifier(model, None, ROWS, Same(), LABELS)  # type: ignore[arg-type]


def test_an_unknown_scoring_is_refused(model: Any, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="best"):
        evaluate_classifier(model, tokenizer, ROWS, PROMPT, LABELS, scoring="best")
