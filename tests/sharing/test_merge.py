"""Joining documents: large ones quickly, and with the right places."""

from __future__ import annotations

import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nivel.compiler.document import Document, parse_document, walk
from nivel.compiler.resolved import write_yaml
from nivel.compiler.sharing import Loader
from nivel.compiler.sharing.merge import fold
from nivel.compiler.source import Source

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from("xyz"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from("abc"), values, min_size=1)


def parsed(name: str, text: str) -> Document:
    document, found = parse_document(Source(name, text))
    assert document is not None and not found
    return document


def merged(base: object, over: object) -> object:
    """Say again, in the fewest words, what merging means."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    kept = {key: item for key, item in base.items() if key not in over}
    new = {
        key: merged(base[key], item) if key in base else item
        for key, item in over.items()
        if item is not None or key not in base
    }
    return {**kept, **new}


@given(maps, maps)
def test_every_value_keeps_the_place_where_it_was_written(base: object, over: object) -> None:
    first, second = (parsed(n, write_yaml(d)) for n, d in (("base", base), ("over", over)))
    joined = fold([first, second])
    assert joined.data == merged(base, over)
    assert {path for path, _ in walk(joined.data)} == set(joined.spans)
    assert set(joined.key_spans) == {
        path for path in joined.spans if path and isinstance(path[-1], str)
    }
    for path, value in walk(joined.data):
        source = {"base": first, "over": second}[joined.spans[path].file]
        if not isinstance(value, dict):
            assert source.value(path) == value


def test_two_files_of_many_keys_merge_in_no_time(tmp_path: Path) -> None:
    keys = range(9_500)  # a file may hold 20,000 keys and values
    (tmp_path / "a.yaml").write_text("".join(f"key{key}: 1\n" for key in keys))
    text = "extends: a.yaml\n" + "".join(f"key{key}: 2\n" for key in keys)
    (tmp_path / "b.yaml").write_text(text)
    loader = Loader(str(tmp_path))
    start = time.process_time()
    document = loader.load(str(tmp_path / "b.yaml"), "b.yaml")
    assert time.process_time() - start < 2.0  # 0.3 s; a scan per key would take minutes
    assert document is not None and document.data["key9499"] == 2


def test_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    names = [f"part{index}.yaml" for index in range(6)]
    for name in names:
        (tmp_path / name).write_text(f"# {'x' * 900_000}\nseed: 1\n")
    (tmp_path / "spec.yaml").write_text(f"extends: [{', '.join(names)}]\n")
    loader = Loader(str(tmp_path))
    assert loader.load(str(tmp_path / "spec.yaml"), "spec.yaml") is None
    assert [found.code for found in loader.found] == ["NV504"]
