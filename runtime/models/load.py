"""Load a model or a tokenizer from the hub, a folder, an earlier run or a GGUF file.

Code that comes with weights is never run, and weights are read from safetensors only: pickled
ones can run code too.

A GGUF file holds quantised weights, which cannot be trained. It is turned once into a folder of
dense fp32 weights in the project's cache, named by the file's sha256.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
)

from ..errors import ModelError
from ..paths import ModelLocation, cache_dir, inside_project, resolve_model_path
from .experts import group_experts
from .first import without_numbers
from .identity import digest
from .quiet import quiet
from .soft import SoftPrompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["load_encoder", "load_model", "load_tokenizer"]

BASE_FILE = "base.json"
"""Beside a saved soft prompt: path, revision and identity of the model that it belongs to."""

SOURCE = "nivel_source"
"""Attribute of a loaded model: path and revision as the spec has them, on any machine the same."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load_tokenizer(
    path: str, revision: str | None = None, *, chat_template: str | None = None
) -> "PreTrainedTokenizerBase":
    """Load the tokenizer that belongs to a model; see `load_model` for `path`.

    Args:
        chat_template: a file of the project whose template takes the place of the tokenizer's own.

    A tokenizer without a padding token pads with its end token. Padding is masked by position,
    so the end token can still be learned.

    Raises:
        ModelError: when it is not found or cannot be loaded.
    """
    with explained(path), quiet():
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            weights_folder(path), revision=revision or "main", trust_remote_code=False
        )
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if chat_template is not None:
        tokenizer.chat_template = _read_template(chat_template)
    return tokenizer


def _read_template(path: str) -> str:
    try:
        return inside_project(path, ModelError).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read as a chat template: {error}") from error


def load_model(
    path: str,
    revision: str | None = None,
    *,
    dtype: str,
    device: str = "cpu",
    quantize: str | None = None,
) -> "PreTrainedModel":
    """Load a causal language model, in evaluation mode: call `train()` before training it.

    A folder that holds a soft prompt alone gives its model with the prompt in front.

    Args:
        path: `org/name`, `./folder`, `pkg:PACKAGE/FILE.gguf` or `run:NAME`.
        revision: commit, tag or branch, for the hub.
        dtype: of the weights, `fp32` or `bf16`.
        device: a torch device to move the model to.
        quantize: `nf4` keeps the linear layers in 4 bits, on the GPU of this process, ready for
            adapters; only with bitsandbytes.

    Raises:
        ModelError: when it is not found, has no safetensors or cannot be loaded, or `dtype` is
            another.
    """
    if dtype not in DTYPES:
        raise ModelError(f"no weights in {dtype!r}", f"use {' or '.join(DTYPES)}")
    folder = weights_folder(path)
    if (Path(folder) / BASE_FILE).is_file():
        prompted: PreTrainedModel = _with_prompt(Path(folder), dtype=dtype, device=device)
        return prompted
    _refuse_head(Path(folder), path)
    if without_numbers():
        return _shapes(folder, path, revision, dtype)
    more = _four_bits(DTYPES[dtype]) if quantize == "nf4" else {}
    with explained(path), quiet():
        loader: Any = AutoModelForCausalLM  # untyped in Transformers
        model: PreTrainedModel = loader.from_pretrained(
            folder,
            revision=revision or "main",
            dtype=DTYPES[dtype],
            use_safetensors=True,
            trust_remote_code=False,
            **more,
        )
    group_experts(model)
    setattr(model, SOURCE, (path, revision))
    if quantize is not None:
        return _ready_for_adapters(model)
    model.to(torch.device(device))  # type: ignore[arg-type]
    return model


def _shapes(folder: str, path: str, revision: str | None, dtype: str) -> "PreTrainedModel":
    """Return the model that `load_model` loads, without its numbers."""
    with explained(path), quiet():
        config = AutoConfig.from_pretrained(
            folder, revision=revision or "main", trust_remote_code=False
        )
        build: Any = AutoModelForCausalLM  # untyped in Transformers
        model: PreTrainedModel = build.from_config(config, dtype=DTYPES[dtype]).eval()
    setattr(model, SOURCE, (path, revision))
    return model


def _refuse_head(folder: Path, path: str) -> None:
    """Refuse a saved classifier or embedder: its output layer would be random numbers."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return  # of the hub, or no model at all, which loading says
    for name in map(str, config.get("architectures") or ()):
        if "For" not in name and "LMHead" not in name and (folder / "modules.json").is_file():
            raise ModelError(
                f"{path!r} gives vectors of texts, and writes nothing",
                "name the model that it was made of, or write `task: {type: embed}`",
            )
        if name.endswith(("ForSequenceClassification", "ForTokenClassification")):
            raise ModelError(
                f"{path!r} has a head that gives labels or numbers, and writes nothing",
                "name the model that it was made of, or give the spec a head too",
            )


def load_encoder(
    path: str, revision: str | None = None, *, device: str = "cpu"
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Load a model that gives hidden states and no words, in fp32, and its tokenizer.

    Raises:
        ModelError: as `load_model`.
    """
    with explained(path), quiet():
        loader: Any = AutoModel  # untyped in Transformers
        model: PreTrainedModel = loader.from_pretrained(
            weights_folder(path),
            revision=revision or "main",
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
        )
    model.to(torch.device(device))  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    return model, load_tokenizer(path, revision)


def _four_bits(dtype: torch.dtype) -> dict[str, Any]:
    """Options of `from_pretrained` for NF4 with nested scales, as QLoRA has it (2305.14314)."""
    import transformers

    if not torch.cuda.is_available():
        raise ModelError("4-bit weights need a GPU, and there is none", "leave out method.quantize")
    config: Any = transformers.BitsAndBytesConfig  # untyped in Transformers
    settings = config(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    # what is in 4 bits cannot be moved later; torchrun and Lightning number the processes
    return {
        "quantization_config": settings,
        "device_map": {"": int(os.environ.get("LOCAL_RANK", 0))},
    }


def _ready_for_adapters(model: "PreTrainedModel") -> "PreTrainedModel":
    import peft

    prepare: Any = peft.prepare_model_for_kbit_training  # untyped in peft
    prepared: PreTrainedModel = prepare(model, use_gradient_checkpointing=False)
    return prepared


def _with_prompt(folder: Path, *, dtype: str, device: str) -> Any:
    """Return the model that a saved soft prompt belongs to, with the prompt in front of it."""
    from peft import PeftModel

    known = json.loads((folder / BASE_FILE).read_text("utf-8"))
    path, revision = known["path"], known["revision"]
    if digest(path, revision) != known["weights"]:
        raise ModelError(
            f"the soft prompt in {folder.parent.name!r} was learned on other weights than "
            f"{path!r} has now",
            "tune again",
        )
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"{str(folder)!r} holds no adapter_model.safetensors")
    base: Any = load_model(path, revision, dtype=dtype, device=device)
    with explained(path), quiet():
        if (folder / "generation_config.json").is_file():
            base.generation_config = GenerationConfig.from_pretrained(folder)
        loaded = PeftModel.from_pretrained(base, str(folder))
    return SoftPrompt(loaded, finished=True).to(torch.device(device)).eval()


def weights_folder(path: str) -> str:
    location = resolve_model_path(path)
    return str(_dense(location)) if location.kind == "gguf" else location.folder


def _dense(location: ModelLocation) -> Path:
    """Return the folder of dense weights for a GGUF file, making it if it is absent."""
    target = cache_dir() / "models" / str(location.sha)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"preparing {location.file}: once, about 20 s", file=sys.stderr, flush=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))
    try:
        with torch.device("cpu"):  # with numbers, wherever it is asked for
            _convert(location, temporary)
        temporary.chmod(0o755)  # mkdtemp makes it private
        with contextlib.suppress(OSError):  # another process was first: its folder is as good
            os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(location: ModelLocation, folder: Path) -> None:
    source: dict[str, Any] = {"gguf_file": location.file, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(location.folder, **source)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _gguf_chat_template(Path(location.folder, str(location.file)))
    model = AutoModelForCausalLM.from_pretrained(location.folder, dtype=torch.float32, **source)
    # Transformers marks the model as quantised and then refuses to save or train it, though the
    # weights are dense once loaded.
    for mark in ("hf_quantizer", "is_quantized", "quantization_method"):
        model.__dict__.pop(mark, None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _gguf_chat_template(file: Path) -> str | None:
    from gguf import GGUFReader

    field = GGUFReader(str(file)).get_field("tokenizer.chat_template")
    return None if field is None else str(field.contents())


@contextlib.contextmanager
def explained(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        first = str(error).strip().partition("\n")[0]
        cure = "check the path; for a hub id, the network, the revision and access rights"
        raise ModelError(f"model {path!r} cannot be loaded: {first}", cure) from error
