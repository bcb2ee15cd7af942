"""Templates are confined, and prompts encode as a model will read them."""

import pytest

from nivel.runtime.data import Prompt, Row, Template, encode_training_rows
from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe

LABELS = ["bug", "billing"]
CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer():
    return train_byte_bpe(["Ticket: the invoice is wrong. Queue: billing bug"], 270)


@pytest.fixture
def chat_tokenizer(tokenizer):
    tokenizer.chat_template = CHAT
    yield tokenizer
    tokenizer.chat_template = None


def row(text: str, label: str | None = "bug") -> Row:
    return Row(text, {"text": text}, label)


def test_template_renders_fields_and_filters():
    assert Template("A: {{ text|upper }}\n").render({"text": "x"}) == "A: X"


def test_text_of_a_row_is_never_a_template():
    assert Template("{{ text }}").render({"text": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ missing }}",
        "{{ text.__class__.__mro__ }}",
        "{{ text.__init__.__globals__ }}",
        "{{ text * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ text.ljust(9999999999) }}",
        "{{ '{:>9999999999}'.format(text) }}",
        "{{ text|center(9999999999) }}",
        "{% for i in range(999999999) %}x{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ text",
    ],
)
def test_unsafe_or_wrong_template_is_refused(template):
    with pytest.raises(DataError):
        Template(template).render({"text": "x"})


def test_output_is_capped():
    with pytest.raises(DataError, match="longer than 100,000"):
        Template("{% for a in text %}{{ text }}{% endfor %}").render({"text": "x" * 400})


def test_plain_prompt_is_the_text_and_the_label_continues_it(tokenizer):
    prompt = Prompt("Ticket: {{ text }}\nQueue:", LABELS)
    ids = prompt.encode(tokenizer, {"text": "broken"})
    answers = prompt.label_ids(tokenizer)
    assert tokenizer.decode(ids) == "Ticket: broken\nQueue:"
    assert {label: tokenizer.decode(answers[label]) for label in answers} == {
        "bug": " bug",
        "billing": " billing",
    }


def test_examples_stand_before_the_question_with_their_labels(tokenizer):
    prompt = Prompt("T: {{ text }}\nQ:", LABELS, examples=[row("one"), row("two", "billing")])
    text = tokenizer.decode(prompt.encode(tokenizer, {"text": "three"}))
    assert text == "T: one\nQ: bug\n\nT: two\nQ: billing\n\nT: three\nQ:"


def test_chat_prompt_takes_turns(chat_tokenizer):
    prompt = Prompt("{{ text }}?", LABELS, "chat", system="Be brief.", examples=[row("one")])
    text = chat_tokenizer.decode(prompt.encode(chat_tokenizer, {"text": "two"}))
    assert text == (
        "<system>Be brief.</system><user>one?</user><assistant>bug</assistant>"
        "<user>two?</user><assistant>"
    )
    assert chat_tokenizer.decode(prompt.label_ids(chat_tokenizer)["bug"]) == "bug"


def test_chat_without_a_chat_template_says_what_to_do(tokenizer):
    with pytest.raises(DataError, match="set task.format to plain"):
        Prompt("{{ text }}", LABELS, "chat").encode(tokenizer, {"text": "x"})


def test_chat_template_that_refuses_a_system_message_is_a_data_error(chat_tokenizer):
    chat_tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(DataError, match="no system role"):
        Prompt("{{ text }}", LABELS, "chat", system="s").encode(chat_tokenizer, {"text": "x"})


def test_system_message_needs_chat():
    with pytest.raises(DataError, match="chat"):
        Prompt("{{ text }}", LABELS, system="Be brief.")


def test_begin_token_stands_first_only_if_the_tokenizer_puts_it():
    from tokenizers.processors import TemplateProcessing

    own = train_byte_bpe(["some words"], 260)
    plain = Prompt("{{ text }}", LABELS).encode(own, {"text": "a"})
    own.add_special_tokens({"bos_token": "<s>"})
    assert Prompt("{{ text }}", LABELS).encode(own, {"text": "a"}) == plain
    own.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A <|endoftext|>",
        special_tokens=[("<s>", own.bos_token_id), ("<|endoftext|>", own.eos_token_id)],
    )
    # The end that this tokenizer adds as well would close the text before its label.
    assert Prompt("{{ text }}", LABELS).encode(own, {"text": "a"}) == [own.bos_token_id, *plain]


def test_label_of_a_tokenizer_that_marks_words_is_as_in_running_text():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(special_tokens=["<unk>"], show_progress=False)
    raw.train_from_iterator(["Queue : bug Queue: bug Queue: billing \n bug"] * 3, trainer)
    words = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>")
    prompt = Prompt("{{ text }}:", LABELS)
    joined = prompt.encode(words, {"text": "Queue"}) + prompt.label_ids(words)["bug"]
    assert joined == words("Queue: bug", add_special_tokens=False)["input_ids"]


def test_only_label_and_end_are_learned(tokenizer):
    prompt = Prompt("{{ text }} is", LABELS)
    encoded = encode_training_rows([row("wrong", "billing")], prompt, tokenizer, 64)
    (ids,), (targets,) = encoded.input_ids, encoded.labels
    assert tokenizer.decode(ids) == "wrong is billing<|endoftext|>"
    learned = [target for target in targets if target != -100]
    assert tokenizer.decode(learned) == " billing<|endoftext|>"
    assert targets == [-100] * (len(ids) - len(learned)) + ids[-len(learned) :]


def test_training_row_is_what_evaluation_will_ask(tokenizer):
    prompt = Prompt("{{ text }} is", LABELS)
    encoded = encode_training_rows([row("wrong")], prompt, tokenizer, 64)
    asked = prompt.encode(tokenizer, {"text": "wrong"}) + prompt.label_ids(tokenizer)["bug"]
    assert encoded.input_ids == [[*asked, tokenizer.eos_token_id]]


def test_long_rows_are_refused_with_their_number_and_length(tokenizer):
    prompt = Prompt("{{ text }}", LABELS)
    lengths = [
        len(encode_training_rows([row(text)], prompt, tokenizer, 9999).input_ids[0])
        for text in ("x" * 50, "x" * 90)
    ]
    rows = [row("short"), row("x" * 50), row("x" * 90)]
    message = rf"2 of 3 rows are longer than max_length 20; row x+ has {lengths[1]} tokens"
    with pytest.raises(DataError, match=message):
        encode_training_rows(rows, prompt, tokenizer, 20)
    kept = encode_training_rows(rows, prompt, tokenizer, lengths[1])
    assert len(kept) == 3 and kept.truncated == 0


def test_row_without_a_label_of_the_task_is_refused(tokenizer):
    for label in (None, "other"):
        with pytest.raises(DataError, match="not one of the task's"):
            encode_training_rows([row("x", label)], Prompt("{{ text }}", LABELS), tokenizer, 64)
