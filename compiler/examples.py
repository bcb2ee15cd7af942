"""Complete an example of a few lines to a whole spec, for documentation and tests."""

from __future__ import annotations

import re

BASE = {
    "prompt": """\
nivel: 2
name: example
level: prompt
model: {path: org/name}
data:
  test: {builtin: python-docs, split: test}
task:
  type: classify
  labels: [email, xml]
  input: "{{ text }}"
""",
    "finetune": """\
nivel: 2
name: example
level: finetune
model: {path: org/name}
data:
  train: {builtin: python-docs, split: train}
  test: {builtin: python-docs, split: test}
task:
  type: classify
  labels: [email, xml]
  input: "{{ text }}"
method: {type: lora}
train: {epochs: 3, batch: 16, learning_rate: 2e-4}
hardware: cpu
""",
    "pretrain": """\
nivel: 2
name: example
level: pretrain
model:
  architecture: llama
  hidden_size: 64
  num_hidden_layers: 2
  num_attention_heads: 4
  intermediate_size: 172
data:
  text: {builtin: python-docs}
tokenizer: {type: byte-bpe, vocab_size: 512}
train: {tokens: 102400, batch: 8, sequence_length: 128, learning_rate: 1e-3}
hardware: cpu
""",
}

_SECTION = re.compile(r"^(?=[^\s#])", re.MULTILINE)
_KEY = re.compile(r"[\w-]+(?=:)")
_COMMAND = re.compile(r"^# nivel (.+)$", re.MULTILINE)
_LEVEL = re.compile(r"^level: (\w+)$", re.MULTILINE)


def complete(example: str) -> str:
    """Return ``example`` with the top-level sections that it leaves out.

    The level is that of a line ``level: NAME`` in the example, or finetune. An example
    that begins with ``# whole`` is a whole file already.
    """
    if example.startswith("# whole"):
        return example
    said = _LEVEL.search(example)
    base = BASE.get(said[1] if said else "finetune", BASE["finetune"])
    given = {found[0] for part in _SECTION.split(example) if (found := _KEY.match(part))}
    given |= {"model"} if "models" in given else set()  # either names what is asked
    kept = [part for part in _SECTION.split(base) if _key_of(part) not in given | {""}]
    return "".join(kept) + example


def _key_of(part: str) -> str:
    found = _KEY.match(part)
    return found[0] if found else ""


def command_of(text: str) -> list[str]:
    """Return the arguments of the command that an example is for, or none.

    An example about the command line has a line ``# nivel validate spec.yaml --set ...``.
    """
    from shlex import split

    found = _COMMAND.search(text)
    return split(found[1]) if found else []
