"""The pages in docs/reference are those that the schemas, the codes and the commands make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nivel.cli import COMMANDS
from nivel.cli._reference import all_pages, main
from nivel.compiler.aliases import ALIASES
from nivel.compiler.codes import CODES
from nivel.compiler.language import all_keys
from nivel.compiler.reference.markdown import anchor, code, table

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = all_pages()


def headings(page: str) -> list[str]:
    text = re.sub(r"^```\w+\n.*?^```$", "", page, flags=re.M | re.S)
    return [line.lstrip("# ") for line in text.splitlines() if re.match(r"#+ ", line)]


def test_the_pages_on_disk_are_fresh():
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    stale = [name for name in {**MADE, **on_disk} if MADE.get(name) != on_disk.get(name)]
    assert stale == [], f"run `make docs`: {stale} in docs/reference differ from what they describe"


def test_every_key_code_command_and_other_name_has_its_entry():
    described = {heading for page in MADE.values() for heading in headings(page)}
    assert {key.name for key in all_keys().values()} <= described
    assert {f"{entry.code}: {entry.title}" for entry in CODES.values()} <= described
    assert {f"nivel {name}" for name in COMMANDS} <= described
    assert all(f"`{name}`" in MADE["names.md"] for name in ALIASES)


@pytest.mark.parametrize("key", all_keys().values(), ids=lambda key: key.name)
def test_every_key_says_what_it_is_in_a_sentence_with_an_example(key):
    for schema in key.said.values():
        assert schema["description"].endswith(".") and schema["description"][0].isupper() | (
            schema["description"][0] == "`"
        )
        assert schema["examples"]


UNITLESS = {"seed", "alpha", "learning_rate", "max_grad_norm", "weight_decay", "eps"}
UNITLESS |= {"beta1", "beta2", "temperature", "top_p", "min_p", "presence_penalty"}
UNITLESS |= {"frequency_penalty", "repetition_penalty", "at_least", "at_most"}
UNITLESS |= {"rope_theta", "std", "mfu"}
UNITLESS |= {"beta", "gamma", "rpo_alpha", "centering", "desirable_weight", "undesirable_weight"}
UNITLESS |= {"momentum", "adamw_learning_rate", "z_loss", "router_z_loss", "router_aux_loss_coef"}


@pytest.mark.parametrize("key", all_keys().values(), ids=lambda key: key.name)
def test_every_number_has_a_unit_where_it_has_a_dimension(key):
    for schema in key.said.values():
        if schema.get("type") in ("integer", "number"):
            assert "unit" in schema or key.path[-1] in UNITLESS


@pytest.mark.parametrize("name", sorted(MADE))
def test_every_link_leads_to_a_page_and_a_heading_of_it(name):
    for target, fragment in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", MADE[name]):
        if target.startswith("../"):
            assert (FOLDER / target).exists(), target
            continue
        page = MADE[target or name]
        assert not fragment or fragment in map(anchor, headings(page)), f"{target}#{fragment}"


def test_no_heading_of_a_page_stands_twice():
    for name, page in MADE.items():
        found = headings(page)
        assert len(found) == len(set(found)), name


def test_a_page_no_longer_made_is_removed(tmp_path):
    (tmp_path / "gone.md").write_text("old", encoding="utf-8")
    main(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == set(MADE)


def test_markdown_survives_what_a_cell_may_hold():
    assert table([("a|b", code("x`y"))], ("one", "two"))[2] == "| a\\|b | `` x`y `` |"
    assert anchor("NV201: unknown key") == "nv201-unknown-key"
