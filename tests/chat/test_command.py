"""`nivel chat` with specs and runs: which model answers, how, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nivel.runtime.models import save_model

from .kit import tiny
from .streams import serve, whole

pytestmark = pytest.mark.slow  # a process for each chat, and runs that train

PROMPT = """\
nivel: 2
name: asked
level: prompt
models:
  served: {{endpoint: {{base_url: "{url}", name: served, type: vllm}}}}
  local: {{path: ./tiny}}
data: {{test: {{path: test.jsonl}}}}
task: {{type: generate, input: "{{{{ text }}}}", format: chat}}
prompt: {{system: Be brief.}}
generation: {{temperature: 0.5, max_tokens: 4}}
hardware: {{accelerator: cpu, threads: 1}}
"""
FINETUNE = """\
nivel: 2
name: tuned
level: finetune
model: {path: ./tiny}
data: {train: {path: train.jsonl}, test: {path: test.jsonl}}
task: {type: classify, labels: [yes, no], input: "{{ text }}", format: chat}
method: {type: full}
train: {epochs: 1, batch: 2, learning_rate: 1e-3}
hardware: {accelerator: cpu, devices: 1, threads: 1}
"""


def nivel(
    folder: Path, *arguments: str, code: int = 0, lines: str = ""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "nivel", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        input=lines,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with a prompt run and a fine-tuned one, made as a user makes them."""
    folder = tmp_path_factory.mktemp("project")
    model = tiny()
    save_model(model.model, model.tokenizer, folder / "tiny")
    rows = [{"text": text, "label": "yes"} for text in ("one", "two", "three", "red")]
    rows[1]["label"] = rows[3]["label"] = "no"
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = [{"text": f"{row['text']} blue", "label": row["label"]} for row in rows]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))
    (folder / "tuned.yaml").write_text(FINETUNE)
    answer = {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}
    with serve([json.dumps(answer).encode()], headers={"Content-Type": "application/json"}) as peer:
        (folder / "asked.yaml").write_text(PROMPT.format(url=peer.url))
        nivel(folder, "run", "asked.yaml", "tuned.yaml")
    return folder


@pytest.fixture
def project(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "project"))


def only_run(project: Path, name: str) -> str:
    [folder] = (project / "runs" / name).iterdir()
    return folder.relative_to(project).as_posix()


def moved(project: Path, url: str) -> None:
    """Let the run's endpoint be found where it is now."""
    kept = project / only_run(project, "asked") / "spec.yaml"
    old = kept.read_text().split("http://")[1].split("/v1")[0]
    kept.write_text(kept.read_text().replace(f"http://{old}/v1", url))


@pytest.mark.parametrize("target", ["run:asked", "folder", "runs/asked"])
def test_a_prompt_run_is_talked_with_as_it_asked(project, target):
    shutil.rmtree(project / "tiny")  # what the run does not need here
    (project / "asked.yaml").unlink()
    with serve(whole("fine")) as server:
        moved(project, server.url)
        target = only_run(project, "asked") if target == "folder" else target
        said = ["--set", "models.local=null"]
        done = nivel(project, "chat", target, *said, lines="hello\n/save\n")
    assert done.stdout.splitlines()[0] == "fine"
    assert "added to test.jsonl, which has 5 rows now" in done.stdout
    [body] = server.bodies
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["max_tokens"]) == (0.5, 4)


def test_the_command_line_comes_before_the_spec_and_models_are_chosen_by_name(project):
    with serve(whole("fine")) as server:
        moved(project, server.url)
        said = ["--temperature", "0", "--max-tokens", "9", "--top-p", "0.5", "--seed", "4"]
        nivel(project, "chat", "run:asked", *said, "--system", "", lines="hello\n")
        local = nivel(project, "chat", "run:asked", "--model", "local", lines="hello\n")
    [body] = server.bodies
    assert (body["temperature"], body["max_tokens"], body["top_p"]) == (0, 9, 0.5)
    assert body["seed"] == 4 and [one["role"] for one in body["messages"]] == ["user"]
    assert "local (cpu, fp32, reads 512 tokens)" in local.stderr
    assert "(cut at 4 tokens" in local.stderr
    missing = nivel(project, "chat", "run:asked", "--model", "other", code=2)
    assert "it has served, local" in missing.stderr


@pytest.mark.parametrize("target", ["run:tuned", "folder"])
def test_a_tuned_model_is_talked_with_in_its_chat_template(project, target):
    target = only_run(project, "tuned") if target == "folder" else target
    lines = "/max_tokens 5\none\n/tokens\n/save yes\n/save maybe\n"
    done = nivel(project, "chat", target, lines=lines, code=3)
    assert "no chat template" not in done.stderr and f"{target} (cpu, fp32" in done.stderr
    assert done.stdout.startswith("temperature 0, at most 5 tokens, seed 0\n")
    assert "added to test.jsonl, which has 5 rows now" in done.stdout
    assert "saved already" in done.stderr or "task.labels are yes, no" in done.stderr
    tuned = nivel(project, "chat", target, "--temperature", "0", lines="/probs one two\n").stdout
    first = nivel(
        project, "chat", "asked.yaml", "--model", "local", lines="/probs one two\n"
    ).stdout
    assert tuned != first  # it is the trained model that answers


def test_a_run_whose_data_have_gone_is_talked_with_and_cannot_save(project):
    (project / "test.jsonl").unlink()
    done = nivel(project, "chat", "run:tuned", lines="/max_tokens 2\none\n/save yes\n", code=3)
    assert "cannot save" in done.stderr or "does not exist" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run:nothing"], 3, "no completed run"),
        (["run:../asked"], 2, "is not a run's name"),
        (["run:"], 2, "is not a run's name"),
        (["run:Tuned"], 3, "no completed run"),
        (["tiny"], 3, "no completed run in tiny"),
        ([".."], 2, "lies outside this folder"),
        (["none.yaml"], 1, "none.yaml"),
        (["tuned.yaml"], 2, "talk with it by run:tuned"),
        (["run:tuned", "--model", "x"], 2, "leave out --model"),
        (["run:tuned", "--temperature", "nan"], 2, "temperature cannot be 'nan'"),
        (["run:tuned", "--max-tokens", "0"], 2, "max-tokens cannot be '0'"),
        (["run:tuned", "--hardware", "abacus"], 1, "abacus"),
        (["run:tuned", "--hardware", "cuda"], 3, "--hardware cpu"),
        (["run:tuned", "--port", "8000"], 2, "give --web too"),
        (["run:tuned", "--web", "--port", "70000"], 2, "65535"),
    ],
)
def test_what_cannot_be_is_refused_with_a_cure(project, arguments, code, said):
    done = nivel(project, "chat", *arguments, code=code)
    assert said in done.stderr and done.stdout == ""


def test_an_unfinished_run_has_no_model_and_says_why(project):
    folder = project / only_run(project, "tuned")
    shutil.rmtree(folder / "model")
    assert "saved no model" in nivel(project, "chat", "run:tuned", code=2).stderr


def test_the_page_is_served_with_the_same_settings_until_an_interrupt(project):
    command = [sys.executable, "-m", "nivel", "chat", "run:tuned", "--web", "--max-tokens", "3"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line)
        if line.startswith("Ctrl-C"):
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert shown[0].startswith("run:tuned (cpu, fp32") and shown[1].startswith(
        "open http://127.0.0.1:"
    )


def test_the_emitted_program_is_short_and_says_faults_without_a_traceback(project):
    text = PROMPT.replace("task: {{type: generate", "task: {{type: chat").format(
        url="http://127.0.0.1:9/v1"
    )
    lines = [line for line in text.splitlines() if not line.startswith(("data:", "task:"))]
    spec = "\n".join([*lines, "task: {type: chat}"]).replace("  local: {path: ./tiny}\n", "")
    (project / "talk.yaml").write_text(spec.replace("name: asked", "name: talk") + "\n")
    nivel(project, "compile", "talk.yaml", "-o", "out")
    program = project / "out" / "experiment.py"
    assert len(program.read_text().splitlines()) < 150
    done = subprocess.run(
        [sys.executable, str(program)], cwd=project, input="hello\n", capture_output=True, text=True
    )
    assert done.returncode == 3 and "unreachable" in done.stderr
    keyed = 'key: {env: NO_SUCH_KEY, host: "127.0.0.1:9"}, type: vllm'
    (project / "keyed.yaml").write_text(
        spec.replace("name: asked", "name: keyed").replace("type: vllm", keyed) + "\n"
    )
    nivel(project, "compile", "keyed.yaml", "-o", "keyed")
    done = subprocess.run(
        [sys.executable, str(project / "keyed" / "experiment.py")],
        cwd=project,
        input="hello\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "NO_SUCH_KEY" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr
