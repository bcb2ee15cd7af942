"""Models to talk with: a random one in this process, and a file of test rows to save in."""

from __future__ import annotations

from typing import Any

import torch

from nivel.runtime.chat import Chat, EndpointStreamer, LocalStreamer
from nivel.runtime.generation import LocalModel
from nivel.runtime.models import new_model, train_byte_bpe
from nivel.runtime.prompting import Endpoint, Generation

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def tiny(*, talks: bool = True, seed: int = 0, positions: int = 512) -> LocalModel:
    """Return a random model; it never ends by itself before 8 tokens or so."""
    tokenizer = train_byte_bpe(["red green blue one two three a question and its answer"], 290)
    torch.manual_seed(seed)
    sizes = {**SIZES, "max_position_embeddings": positions, "initializer_range": 0.3}
    if talks:
        tokenizer.chat_template = TEMPLATE
    return LocalModel.around("tiny", new_model("llama", sizes, tokenizer).eval(), tokenizer)


def local_chat(*, talks: bool = True, positions: int = 512, **more: Any) -> Chat:
    said = Generation(**{"max_tokens": 8, "temperature": 0.0, **more.pop("said", {})})
    return Chat(LocalStreamer(tiny(talks=talks, positions=positions)), generation=said, **more)


def at(url: str, **more: Any) -> EndpointStreamer:
    plain = more.pop("plain", False)
    return EndpointStreamer(Endpoint("m", base_url=url, model="served", **more), plain=plain)


def answered(chat: Chat, question: str) -> str:
    """Ask, and return the answer as it was shown piece by piece."""
    *pieces, end = chat.answer(question)
    text = "".join(map(str, pieces))
    assert text == end.text  # type: ignore[union-attr]
    return text
