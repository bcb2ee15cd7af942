"""Train rows of token ids with LitGPT's LoRA model and the step of its `finetune_lora`.

LitGPT's own command reads text, adds its own prompt and draws its own order; what is timed here is
its model, its loss in pieces and its optimizer, on the same tokens as the others. See `common`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning
import torch
from common import Watch, asked
from litgpt.lora import GPT, Config, mark_only_lora_as_trainable
from litgpt.scripts.convert_hf_checkpoint import copy_weights_hf_llama
from litgpt.utils import chunked_cross_entropy
from safetensors.torch import load_file
from torch.nn.utils.rnn import pad_sequence


def loaded(given: dict[str, Any]) -> GPT:
    """LitGPT's Llama with the weights of a folder of Transformers."""
    about = json.loads(Path(given["model"], "config.json").read_text("utf-8"))
    heads = about["num_attention_heads"]
    everywhere = ("query", "key", "value", "projection", "mlp")
    config = Config(
        name="own",
        block_size=given["max_length"],
        vocab_size=about["vocab_size"],
        padded_vocab_size=about["vocab_size"],
        n_layer=about["num_hidden_layers"],
        n_head=heads,
        n_query_groups=about.get("num_key_value_heads") or heads,
        n_embd=about["hidden_size"],
        intermediate_size=about["intermediate_size"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=about["rms_norm_eps"],
        mlp_class_name="LLaMAMLP",
        rope_base=int((about.get("rope_parameters") or about).get("rope_theta", 10000)),
        lora_r=given["rank"],
        lora_alpha=given["alpha"],
        lora_dropout=0.0,
        **{f"lora_{part}": True for part in everywhere},
    )
    model = GPT(config)
    weights: dict[str, Any] = {}
    state = load_file(Path(given["model"], "model.safetensors"))
    state.setdefault("lm_head.weight", state["model.embed_tokens.weight"])
    state = {name: value.float() for name, value in state.items()}
    copy_weights_hf_llama(config, {}, weights, state)
    model.load_state_dict(weights, strict=False)
    mark_only_lora_as_trainable(model)
    return model


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    torch.manual_seed(0)
    precision = "bf16-mixed" if given["bf16"] else "32-true"
    fabric = lightning.Fabric(accelerator="cpu", devices=1, precision=precision)
    model = loaded(given)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=given["learning_rate"], weight_decay=0.0)
    model, optimizer = fabric.setup(model, optimizer)
    model.train()
    turns = given["batch"] // given["micro_batch"]
    rows = list(zip(given["input_ids"], given["labels"], strict=True))
    watch, step_loss = Watch(), 0.0
    for number in range(given["steps"] * turns):
        part = rows[number * given["micro_batch"] : (number + 1) * given["micro_batch"]]
        watch.count(sum(len(a) for a, _ in part))
        ids = pad_sequence([torch.tensor(a) for a, _ in part], batch_first=True)
        labels = pad_sequence([torch.tensor(b) for _, b in part], True, padding_value=-100)
        logits = model(ids, lm_head_chunk_size=128)
        logits[-1] = logits[-1][..., :-1, :]
        loss = chunked_cross_entropy(logits, labels[..., 1:])
        fabric.backward(loss / turns)
        step_loss += float(loss) / turns
        if (number + 1) % turns == 0:
            optimizer.step()
            optimizer.zero_grad()
            watch.mark(step_loss)
            step_loss = 0.0
    watch.report()


if __name__ == "__main__":
    main()
