"""Nothing is emitted that the published schema refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from nivel.compiler.api import emit_checked, plan
from nivel.compiler.published import SchemaDisagreement, confirm

SHIPPED = sorted(Path(__file__).parents[2].glob("specs/quickstart/[!s]*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_spec_is_confirmed_and_emitted(path: Path) -> None:
    made, checked = plan(str(path))
    assert made is not None
    assert emit_checked(made, checked).files[0].path == "experiment.py"


def test_a_value_the_published_schema_refuses_is_never_emitted() -> None:
    _, checked = plan(str(SHIPPED[0]))
    assert checked.document is not None
    data = {**checked.document.data, "train": {**checked.document.data["train"], "batch": 0}}
    with pytest.raises(SchemaDisagreement, match=r"\$\.train\.batch: 0 is less than"):
        confirm(data, "finetune")
