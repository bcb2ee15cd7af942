"""Exported weights stand by themselves, load with plain Transformers and peft, and lose nothing
without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from nivel.runtime.errors import ModelError, NivelError, RunError
from nivel.runtime.export import export_run
from nivel.runtime.models import add_soft_prompt, load_model, load_tokenizer, save_model
from nivel.runtime.records import Run

from .tiny import tiny

TOKENS = torch.arange(3, 23).reshape(2, 10)
TEMPLATE = "{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    model, tokenizer = tiny()
    tokenizer.chat_template = TEMPLATE
    save_model(model, tokenizer, tmp_path / "base")
    return tmp_path


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(TOKENS).logits


def tuned() -> tuple[Path, torch.Tensor]:
    """A run of LoRA whose adapter changes what the model says, and what it says then."""
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(load_model("./base", dtype="fp32"), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.get_base_model().generation_config.max_new_tokens = 7
    with Run.open("tuned", "finetune") as run:
        save_model(model, load_tokenizer("./base"), run.folder / "model")
        run.finish(model="./base")
    return run.folder, logits(model)


def whole(name: str = "whole") -> Path:
    with Run.open(name, "pretrain") as run:
        save_model(*tiny(), run.folder / "model")
        run.finish()
    return run.folder


def test_a_merged_model_loads_with_plain_transformers(project: Path) -> None:
    folder, expected = tuned()
    done = export_run(folder, merge=True, folder=project / "out")
    loaded = AutoModelForCausalLM.from_pretrained(project / "out", dtype="auto")
    torch.testing.assert_close(logits(loaded), expected, atol=1e-4, rtol=1e-4)
    assert loaded.generation_config.max_new_tokens == 7
    assert AutoTokenizer.from_pretrained(project / "out").chat_template == TEMPLATE
    assert "as they were trained" in done.said[0]
    assert done.said[0].split(".")[0] in (project / "out" / "README.md").read_text()


def test_an_adapter_loads_with_plain_peft(project: Path) -> None:
    folder, expected = tuned()
    done = export_run(folder.parent, merge=False)
    assert done.folder == Path("tuned-adapter")
    base = AutoModelForCausalLM.from_pretrained(project / "base")
    torch.testing.assert_close(logits(PeftModel.from_pretrained(base, done.folder)), expected)
    config = json.loads((done.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "./base"
    assert AutoTokenizer.from_pretrained(done.folder).chat_template == TEMPLATE
    names = {path.name for path in done.folder.iterdir()}
    assert "adapter_model.safetensors" in names and "model.safetensors" not in names


def test_no_file_of_an_export_names_a_place_of_this_machine(project: Path) -> None:
    folder, _ = tuned()
    for merge in (False, True):
        export_run(folder, merge=merge, folder=project / f"out-{merge}")
        for path in (project / f"out-{merge}").iterdir():
            assert str(project).encode() not in path.read_bytes(), path.name
            assert path.stat().st_mode & 0o444 == 0o444


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_a_conversion_is_that_of_torch_and_is_counted(project: Path, dtype: str) -> None:
    folder = whole()
    done = export_run(folder, merge=True, dtype=dtype)
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    before = load_file(folder / "model" / "model.safetensors")
    after = load_file(done.folder / "model.safetensors")
    changed = 0
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor.to(kinds[dtype]))
        changed += int((after[name].float() != tensor).sum())
    assert f"{changed:,} were rounded" in done.said[0]
    assert AutoModelForCausalLM.from_pretrained(done.folder, dtype="auto").dtype == kinds[dtype]


def test_the_same_data_type_keeps_every_bit(project: Path) -> None:
    folder = whole()
    for name, dtype in (("said", "fp32"), ("unsaid", None)):
        export_run(folder, merge=True, dtype=dtype, folder=project / name)
        before = load_file(folder / "model" / "model.safetensors")
        after = load_file(project / name / "model.safetensors")
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_weights_that_fp16_cannot_hold_are_counted_and_refused(project: Path) -> None:
    folder = whole()
    file = folder / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][:3] = 70_000.0
    tensors["model.embed_tokens.weight"][0, 0] = -1e6
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"4 weights are larger .* model.norm.weight \(3\)"):
        export_run(folder, merge=True, dtype="fp16", folder=project / "out")
    assert [path for path in project.iterdir() if "out" in path.name] == []
    export_run(folder, merge=True, dtype="bf16", folder=project / "out")


def test_weights_that_become_nothing_are_counted(project: Path) -> None:
    folder = whole()
    file = folder / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][:5] = 1e-9
    save_file(tensors, file, metadata={"format": "pt"})
    zeros = sum(int(((t.half() == 0) & (t != 0)).sum()) for t in tensors.values())
    done = export_run(folder, merge=True, dtype="fp16")
    assert zeros >= 5 and f"{zeros:,} of them to 0" in done.said[0]


def test_weights_in_several_files_keep_their_index(project: Path) -> None:
    folder = whole() / "model"
    load_model("./" + str(folder.relative_to(project)), dtype="fp32").save_pretrained(
        folder, max_shard_size="20KB"
    )
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert len(list(folder.glob("*.safetensors"))) > 1
    done = export_run(folder.parent, merge=True, dtype="bf16")
    loaded = AutoModelForCausalLM.from_pretrained(done.folder, dtype="auto")
    before = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    assert torch.equal(logits(loaded), logits(before))
    index = json.loads((done.folder / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(
        t.numel() * 2 for f in done.folder.glob("*.safetensors") for t in load_file(f).values()
    )


def test_nothing_is_overwritten(project: Path) -> None:
    folder, _ = tuned()
    (project / "out").mkdir()
    with pytest.raises(RunError, match="is there already"):
        export_run(folder, merge=True, folder=project / "out")
    assert list((project / "out").iterdir()) == []


def test_a_run_that_trained_nothing_has_nothing_to_export() -> None:
    with Run.open("asked", "prompt") as run:
        run.finish()
    with pytest.raises(ModelError, match="saved no model"):
        export_run(run.folder, merge=True)


def test_a_soft_prompt_is_exported_alone(project: Path) -> None:
    config = PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")
    model = add_soft_prompt(load_model("./base", dtype="fp32"), config, "./base", None)
    with Run.open("soft", "finetune") as run:
        save_model(model, load_tokenizer("./base"), run.folder / "model")
        run.finish(model="./base")
    for more in ({"merge": True}, {"merge": False, "format": "gguf"}):
        with pytest.raises(ModelError, match="no weights can hold"):
            export_run(run.folder, **more)
    done = export_run(run.folder, merge=False)
    base = AutoModelForCausalLM.from_pretrained(project / "base")
    loaded = PeftModel.from_pretrained(base, done.folder)
    held = loaded.state_dict()["prompt_encoder.default.embedding.weight"]
    assert torch.equal(held, model.peft.state_dict()["prompt_encoder.default.embedding.weight"])


def converter(project: Path, text: str) -> str:
    path = project / "convert_hf_to_gguf.py"
    path.write_text(text)
    return str(path)


def test_gguf_needs_the_converter_of_llama_cpp(project: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    folder, _ = tuned()
    for given in (None, "absent.py"):
        with pytest.raises(ModelError, match="llama-cpp-python"):
            export_run(folder, merge=True, format="gguf", converter=given)
    with pytest.raises(ModelError, match="add --merge"):
        export_run(folder, merge=False, format="gguf")


def test_a_converter_that_refuses_is_quoted_and_leaves_nothing(project: Path) -> None:
    folder, _ = tuned()
    script = converter(project, "import sys\nsys.exit('BPE pre-tokenizer was not recognized')")
    before = sorted(path.name for path in project.iterdir())
    with pytest.raises(ModelError, match="refused: BPE pre-tokenizer"):
        export_run(folder, merge=True, format="gguf", converter=script)
    assert sorted(path.name for path in project.iterdir()) == before


def test_a_file_that_lacks_weights_is_not_taken_for_the_model(project: Path) -> None:
    pytest.importorskip("gguf")
    folder, _ = tuned()
    script = converter(
        project,
        "import gguf, numpy, sys\n"
        "writer = gguf.GGUFWriter(sys.argv[sys.argv.index('--outfile') + 1], 'llama')\n"
        "writer.add_tensor('output.weight', numpy.zeros((2, 2), dtype=numpy.float32))\n"
        "writer.write_header_to_file(); writer.write_kv_data_to_file()\n"
        "writer.write_tensors_to_file(); writer.close()\n",
    )
    with pytest.raises(NivelError, match="holds 4 weights and the model"):
        export_run(folder, merge=True, format="gguf", converter=script)
    assert not (project / "tuned-gguf").exists()
