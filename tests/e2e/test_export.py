"""What a tuning leaves for others, as a user makes it: asked again, exported, read by anyone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

from nivel.cli import group
from nivel.runtime.errors import ModelError, RunError

from .conftest import newest_run, result
from .test_tuning import tiny, write  # noqa: F401 - a fixture

Nivel = Callable[..., subprocess.CompletedProcess[str]]

ASK = """\
nivel: 2
name: ask-{name}
level: prompt
model: {{path: 'run:{name}'}}
data: {{test: {{path: test.jsonl, limit: 4}}}}
task: {{type: generate, input: "{{{{ text }}}}", format: chat}}
generation: {{max_tokens: 4}}
hardware: {{profile: cpu, threads: 1}}
"""


def answers(folder: Path) -> dict[str, str]:
    lines = (folder / "predictions.jsonl").read_text("utf-8").splitlines()
    return {row["id"]: row["answer"] for row in map(json.loads, lines)}


@pytest.mark.slow
def test_what_was_tuned_is_asked_with_its_template_and_exported(
    tiny: Path,  # noqa: F811
    nivel: Nivel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = '{type: generate, input: "{{ text }}", format: chat}'
    specs = []
    methods = {
        "adapted": "{type: lora, rank: 4}",
        "soft": "{type: prompt, num_virtual_tokens: 3}",
    }
    for name, method in methods.items():
        spec = write(tiny, name, task)
        text = (tiny / spec).read_text().replace("{type: full}", method)
        (tiny / spec).write_text(text.replace("max_tokens: 4", "max_tokens: 4, stop: [zz]"))
        (tiny / f"ask-{name}.yaml").write_text(
            ASK.format(name=name).replace("max_tokens: 4", "max_tokens: 4, stop: [zz]")
        )
        specs += [spec, f"ask-{name}.yaml"]
    nivel("run", *specs)
    for name in methods:
        tuned, asked = newest_run(tiny, name), newest_run(tiny, f"ask-{name}")
        assert answers(tuned) == answers(asked)  # template and ends came with the weights
        assert result(tuned)["peak_memory"]["rss"] > 2**20
        config = json.loads((tuned / "model" / "generation_config.json").read_text())
        assert config["max_new_tokens"] == 4 and config["do_sample"] is False
        assert config["stop_strings"] == ["zz"]
        card = (tuned / "model" / "README.md").read_text("utf-8")
        assert "test.jsonl" in card and "| 24 |" in card and f"name: {name}" in card
        assert str(tiny) not in card

    monkeypatch.chdir(tiny)
    monkeypatch.setenv("PATH", "/nowhere")
    said = export("adapted", "--merge", "--dtype", "bf16", "-o", "out")
    assert "from fp32 to bf16" in said and said.endswith("wrote out\n")
    assert (tiny / "out" / "chat_template.jinja").read_text() == (tiny / "chat.jinja").read_text()
    assert export("soft") == f"{weights(tiny)} weights in fp32, as they were trained.\n" + (
        "wrote soft-adapter\n"
    )
    with pytest.raises(RunError, match="is there already"):
        export("adapted", "-o", "out")
    with pytest.raises(ModelError, match=r"convert_hf_to_gguf.py[\s\S]*cure"):
        export("adapted", "--merge", "--format", "gguf")
    assert not list(tiny.glob(".*-*"))


def export(*arguments: str) -> str:
    """Call the command in this process, which has loaded torch already."""
    done = CliRunner().invoke(group, ["export", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def weights(folder: Path) -> int:
    saved = load_file(folder / "soft-adapter" / "adapter_model.safetensors")
    return sum(tensor.numel() for tensor in saved.values())
