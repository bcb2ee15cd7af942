"""Heads on causal models and encoders: what is trained, saved and loaded by Transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    pipeline,
)

from nivel.runtime.data import Prompt, Row, encode_targets
from nivel.runtime.errors import DataError, ModelError
from nivel.runtime.evaluation.headed import evaluate_head, head_outputs
from nivel.runtime.models import (
    Backbone,
    freeze_backbone,
    head_modules,
    load_headed,
    load_model,
    load_tokenizer,
    new_model,
    save_model,
    train_byte_bpe,
)
from nivel.runtime.training import FeatureRows, MicroBatches, TargetRows, target_loss

LABELS = ["fruit", "metal", "wood"]
WORDS = {"fruit": "apple pear plum", "metal": "iron zinc tin", "wood": "oak ash elm"}
TEXT = "the apple pear plum iron zinc tin oak ash elm and near of Rome Ann"
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2,
         "max_position_embeddings": 64}  # fmt: skip
QUICK = (("llama", "head"), ("distilbert", "lora"), ("modernbert", "full"))
FAMILIES = ("llama", "gpt2", "bert", "roberta", "distilbert", "modernbert")


def _model(family: str, size: int, pad: int) -> Any:
    """A model of a family with random weights, as large as it has to be."""
    encoder = {"vocab_size": size, "hidden_size": 16, "intermediate_size": 24,
               "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": pad,
               "max_position_embeddings": 64, "initializer_range": 0.5}  # fmt: skip
    if family == "gpt2":
        small = {"vocab_size": size, "n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2}
        return GPT2LMHeadModel(GPT2Config(**small))
    if family == "bert":
        return BertModel(BertConfig(**encoder))
    if family == "roberta":
        return RobertaModel(RobertaConfig(**encoder))
    if family == "distilbert":
        small = {"vocab_size": size, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24,
                 "initializer_range": 0.5}  # fmt: skip
        return DistilBertModel(DistilBertConfig(**small, pad_token_id=pad))
    special = {"cls_token_id": 1, "sep_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
    return ModernBertModel(ModernBertConfig(**encoder, **special, classifier_pooling="mean"))


def _encoder_tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *"abcdefghijklmnopqrstuvwxyz"]
    pieces += [f"##{one}" for one in "abcdefghijklmnopqrstuvwxyz"] + TEXT.lower().split()[:6]
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    wrapped: Any = PreTrainedTokenizerFast
    return wrapped(tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]",
                   sep_token="[SEP]", unk_token="[UNK]")  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    torch.manual_seed(0)
    causal = train_byte_bpe([TEXT] * 9, 280)
    encoder = _encoder_tokenizer()
    for family in FAMILIES:
        tokenizer = causal if family in ("llama", "gpt2") else encoder
        model = new_model("llama", SIZES, causal) if family == "llama" else _model(family, 300, 0)
        save_model(model, tokenizer, folder / family)
    return folder


@pytest.fixture
def models(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds a random model of each family; it is the project."""
    monkeypatch.chdir(made)
    return made


def texts(count: int = 24) -> list[Row]:
    found = []
    for place in range(count):
        label = LABELS[place % 3]
        words = WORDS[label].split()
        text = " and ".join(words[(place // 3 + k) % 3] for k in range(1 + place % 4))
        found.append(Row(f"r{place}", {"text": f"the {text}"}, label))
    return found


def tagged(count: int = 12) -> list[Row]:
    found = []
    for place in range(count):
        words = ["the", *["elm"] * (place % 3), "Rome", "and", "Ann", "Ann"][: 4 + place % 4]
        kinds = {"Rome": "B-LOC", "Ann": "B-PER"}
        labels = [kinds.get(word, "O") for word in words]
        if words[-2:] == ["Ann", "Ann"]:
            labels[-1] = "I-PER"
        found.append(Row(f"t{place}", {"text": json.dumps(words)}, json.dumps(labels)))
    return found


TAGS = ["O", "B-LOC", "B-PER", "I-PER"]


def loaded(family: str, task: str = "classify", labels: Sequence[str] = LABELS, **more: Any) -> Any:
    tokenizer = load_tokenizer(f"./{family}")
    torch.manual_seed(1)
    model = load_headed(
        f"./{family}", None, tokenizer, task=task, labels=labels, **{"dtype": "fp32", **more}
    )
    return model, tokenizer


def encoded(rows: Sequence[Row], tokenizer: Any, task: str = "classify", **more: Any) -> Any:
    labels = {"classify": LABELS, "regress": (), "tag": TAGS}[task]
    prompt = None if task == "tag" else Prompt("{{ text }}", LABELS)
    more = {"max_length": 64, **more}
    return encode_targets(rows, tokenizer, task=task, prompt=prompt, labels=labels, **more)


def learn(model: Any, rows: Any, steps: int = 30, micro: int = 8) -> list[float]:
    """Train with AdamW on whole steps of 8 rows; return the loss of each step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-2)
    batches = MicroBatches(rows, batch=8, micro_batch=micro, steps=steps, seed=0, rank=0, world=1)
    curve = []
    for step in range(steps):
        total = 0.0
        for turn in range(batches.accumulation):
            batch = batches[step * batches.accumulation + turn]
            loss = target_loss(model, batch) / batch["step_tokens"]
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        curve.append(total)
    return curve


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_on_cached_features_is_trained_as_on_the_whole_model(
    models: Path, family: str
) -> None:
    curves, weights = [], []
    for cached in (True, False):
        model, tokenizer = loaded(family)
        rows = encoded(texts(), tokenizer)
        if cached:
            backbone = Backbone(model)
            data: Any = FeatureRows(backbone.features(rows), rows)
        else:
            freeze_backbone(model)
            data = TargetRows(rows, tokenizer.pad_token_id)
        model.eval()  # no dropout, whose masks would be of other shapes
        curves.append(learn(model, data))
        if cached:
            backbone.put_back()
        weights.append({n: p for n, p in model.named_parameters() if p.requires_grad})
    assert curves[0] == pytest.approx(curves[1], abs=1e-5)
    assert curves[0][-1] < 0.8 * curves[0][0]
    assert weights[0].keys() == weights[1].keys() and weights[0]
    heads = tuple(head_modules(model))
    assert all(name.startswith(heads) for name in weights[0])
    for name, found in weights[0].items():
        torch.testing.assert_close(found, weights[1][name], atol=2e-4, rtol=1e-3)


def test_features_are_the_bits_that_the_whole_model_gives_its_head(models: Path) -> None:
    for family in ("llama", "bert"):
        model, tokenizer = loaded(family)
        rows = [encoded([row], tokenizer) for row in texts(9)]
        backbone = Backbone(model)
        found = [backbone.features(one)[0] for one in rows]
        whole, _ = loaded(family)
        body = getattr(whole, whole.base_model_prefix)
        for one, own in zip(rows, found, strict=True):
            ids = torch.tensor(one.input_ids)
            hidden = body(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            assert torch.equal(own[0], hidden[0, -1 if family == "llama" else 0])


@pytest.mark.parametrize(
    ("family", "how"),
    [
        pytest.param(family, how, marks=() if quick else pytest.mark.slow)
        for family in FAMILIES
        for how in ("full", "lora", "head")
        for quick in [(family, how) in QUICK]
    ],
)
def test_what_is_saved_is_what_a_pipeline_loads(models: Path, family: str, how: str) -> None:
    model, tokenizer = loaded(family)
    rows = encoded(texts(), tokenizer)
    backbone, data = None, TargetRows(rows, tokenizer.pad_token_id)
    if how == "head":
        backbone = Backbone(model)
        data = FeatureRows(backbone.features(rows), rows)  # type: ignore[assignment]
    elif how == "lora":
        adapter = peft.LoraConfig(
            r=2, target_modules="all-linear", task_type="SEQ_CLS",
            modules_to_save=head_modules(model), exclude_modules=head_modules(model),
        )  # fmt: skip
        model = peft.get_peft_model(model, adapter)
    curve = learn(model.train(), data)
    assert sum(curve[-5:]) < sum(curve[:5])
    if backbone is not None:
        backbone.put_back()
    test = texts(12)
    outputs = torch.cat(head_outputs(model, encoded(test, tokenizer)))
    save_model(model, tokenizer, models / "saved")

    again = AutoModelForSequenceClassification.from_pretrained(models / "saved")
    assert again.config.id2label == dict(enumerate(LABELS))
    classifier = pipeline("text-classification", str(models / "saved"), top_k=None)
    said = classifier([row.fields["text"] for row in test], batch_size=5)
    for own, scores in zip(outputs.softmax(1), said, strict=True):
        found = {one["label"]: one["score"] for one in scores}
        assert [found[label] for label in LABELS] == pytest.approx(own.tolist(), abs=1e-4)


def test_a_head_for_numbers_and_a_head_for_words_learn_and_load(models: Path) -> None:
    numbers = [Row(r.id, r.fields, str(len(r.fields["text"]) / 10)) for r in texts()]
    for family, task, rows in (("llama", "regress", numbers), ("distilbert", "regress", numbers),
                               ("llama", "tag", tagged()), ("roberta", "tag", tagged()),
                               ("bert", "tag", tagged())):  # fmt: skip
        labels = TAGS if task == "tag" else ()
        model, tokenizer = loaded(family, task, labels)
        found = encoded(rows, tokenizer, task)
        data = TargetRows(found, tokenizer.pad_token_id, numbers=task == "regress")
        curve = learn(model.train(), data, 40)
        assert sum(curve[-5:]) < 0.7 * sum(curve[:5]), (family, task)
        metrics = ("mae", "rmse", "pearson", "spearman") if task == "regress" else (
            "token_accuracy", "entity_f1")  # fmt: skip
        result = evaluate_head(model, rows, found, task=task, labels=labels, metrics=metrics)
        assert list(result.metrics) == list(metrics)
        save_model(model, tokenizer, models / "saved")
        kind = AutoModelForTokenClassification if task == "tag" else (
            AutoModelForSequenceClassification)  # fmt: skip
        again = kind.from_pretrained(models / "saved")
        for one, two in zip(head_outputs(model, found), head_outputs(again, found), strict=True):
            torch.testing.assert_close(one, two)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_tags_from_cached_features_are_those_of_the_whole_model(models: Path, family: str) -> None:
    curves = []
    for cached in (True, False):
        model, tokenizer = loaded(family, "tag", TAGS)
        rows = encoded(tagged(), tokenizer, "tag")
        backbone = Backbone(model)
        features = backbone.features(rows)
        assert [len(one) for one in features] == [len(t) for t in rows.targets]
        if not cached:
            backbone.put_back()
        data: Any = FeatureRows(features, rows) if cached else TargetRows(rows, 0)
        curves.append(learn(model.eval(), data))
    assert curves[0] == pytest.approx(curves[1], abs=1e-5)


def test_the_size_of_a_micro_batch_does_not_change_the_curve(models: Path) -> None:
    for task, rows in (("classify", texts()), ("tag", tagged())):
        curves = []
        for micro in (8, 3 + 1, 1):
            model, tokenizer = loaded("bert", task, LABELS if task == "classify" else TAGS)
            data = TargetRows(encoded(rows, tokenizer, task), tokenizer.pad_token_id)
            curves.append(learn(model.eval(), data, 10, micro))
        assert curves[1] == pytest.approx(curves[0], abs=2e-5)
        assert curves[2] == pytest.approx(curves[0], abs=2e-5)


def test_words_have_their_first_tokens_and_no_others(models: Path) -> None:
    for family in ("llama", "bert"):
        tokenizer = load_tokenizer(f"./{family}")
        words = ["the", "Rome", "near", "elms"]
        row = Row("a", {"text": json.dumps(words)}, json.dumps(["O", "B-LOC", "O", "O"]))
        found = encoded([row], tokenizer, "tag")
        pieces = [
            tokenizer.decode([found.input_ids[0][place]]).strip() for place in found.places[0]
        ]
        assert len(pieces) == len(words)
        for word, piece in zip(words, pieces, strict=True):
            assert piece and word.lower().startswith(piece.lower())
        assert list(found.places[0]) == sorted(set(found.places[0]))


def test_rows_that_give_no_target_are_told(models: Path) -> None:
    tokenizer = load_tokenizer("./bert")
    for row, task, said in (
        (Row("a", {"text": "x"}, "stone"), "classify", "not one of the task's"),
        (Row("a", {"text": "x"}, "many"), "regress", "is no number"),
        (Row("a", {"text": "x"}, "inf"), "regress", "is no number"),
        (Row("a", {"text": "the elm"}, '["O"]'), "tag", "is no pair of a list"),
        (Row("a", {"text": '["the"]'}, '["O", "O"]'), "tag", "1 words and 2 labels"),
        (Row("a", {"text": '["the", " "]'}, '["O", "O"]'), "tag", "has no token of its own"),
        (Row("a", {"text": "[]"}, "[]"), "tag", "has no words"),
        (Row("a", {"text": "the " * 70}, "wood"), "classify", "longer than max_length 64"),
    ):
        with pytest.raises(DataError, match=said):
            encoded([row], tokenizer, task)


def test_cut_rows_lose_the_labels_that_were_cut_off(models: Path) -> None:
    tokenizer = load_tokenizer("./bert")
    row = Row("a", {"text": json.dumps(["elm"] * 30)}, json.dumps(["O"] * 30))
    found = encoded([row], tokenizer, "tag", max_length=12, too_long="cut", too_long_at_most=1.0)
    assert len(found.input_ids[0]) == 12 and found.truncated == 1
    assert len(found.targets[0]) == len(found.places[0]) < 12
    assert max(found.places[0]) < 12


def test_a_head_of_other_labels_is_not_taken_for_these(models: Path) -> None:
    model, tokenizer = loaded("bert")
    save_model(model, tokenizer, models / "saved")
    kept, _ = loaded("saved")
    assert torch.equal(kept.classifier.weight, model.classifier.weight)
    with pytest.raises(ModelError, match="has a head for fruit, metal, wood"):
        loaded("saved", labels=LABELS[::-1])


def test_a_model_with_a_head_is_not_asked_to_write(models: Path) -> None:
    model, tokenizer = loaded("llama")
    save_model(model, tokenizer, models / "saved")
    with pytest.raises(ModelError, match="writes nothing"):
        load_model("./saved", dtype="fp32")


def test_a_model_whose_head_has_no_dropout_is_told_so(models: Path) -> None:
    model, _ = loaded("distilbert", dropout=0.3)
    assert model.dropout.p == 0.3
    with pytest.raises(ModelError, match="no dropout"):
        loaded("llama", dropout=0.3)


def test_the_saved_tokenizer_is_there_too(models: Path) -> None:
    model, tokenizer = loaded("llama")
    save_model(model, tokenizer, models / "saved")
    assert AutoTokenizer.from_pretrained(models / "saved").pad_token_id == model.config.pad_token_id
