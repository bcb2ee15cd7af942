"""Near-identical texts are grouped, exactly, and a group is never divided."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.data import python_docs
from nivel.runtime.data.duplicates import cluster
from nivel.runtime.data.stdlib import Docstring


def jaccard(left: str, right: str, size: int) -> float:
    """Written apart from the code under test, the slow and plain way."""

    def runs(text: str) -> set:
        words = re.findall(r"\w+", text.casefold())
        if len(words) < size:
            return {tuple(words)}
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}

    a, b = runs(left), runs(right)
    return len(a & b) / len(a | b)


def slow_groups(texts: list[str], threshold: float) -> list[int]:
    """Spread the least index through all similar pairs until nothing changes."""
    groups = list(range(len(texts)))
    changed = True
    while changed:
        changed = False
        for i in range(len(texts)):
            for j in range(i):
                alike = any(jaccard(texts[i], texts[j], size) >= threshold for size in (1, 2))
                if alike and groups[i] != groups[j]:
                    groups[i] = groups[j] = min(groups[i], groups[j])
                    changed = True
    return groups


SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g"]), max_size=9).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(st.lists(SENTENCES, max_size=14), st.sampled_from([0.5, 0.7, 0.75, 1.0]))
def test_groups_are_those_of_comparing_all_pairs(texts, threshold):
    assert cluster(texts, threshold) == slow_groups(texts, threshold)


def test_case_punctuation_and_layout_do_not_hide_a_copy():
    assert cluster(["Return the size.", "return THE\n size", "Something else"]) == [0, 0, 2]


def test_chain_of_small_changes_is_one_group():
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    chain = [" ".join([*words[:i], *(f"new{k}" for k in range(i, 10))][::-1]) for i in range(11)]
    assert jaccard(chain[0], chain[-1], 1) < 0.1
    assert set(cluster(chain)) == {0}


def docstring(name: str, text: str, module: str = "pack.mod") -> Docstring:
    return Docstring(module.replace(".", "/") + ".py", module, name, text)


def test_division_does_not_depend_on_the_order_of_reading():
    docs = [docstring(f"f{i}", f"Sentence number {i} says {i * 7} things.") for i in range(60)]
    assert python_docs.build(docs) == python_docs.build(docs[::-1])


def test_new_docstring_moves_no_other_to_another_split():
    docs = [docstring(f"f{i}", f"Alpha{i} beta{i} gamma{i} delta{i} epsilon{i}") for i in range(60)]
    before = {entry.id: entry.split for entry in python_docs.build(docs)}
    more = [*docs, docstring("a_new_one", "Wholly other words than those before, indeed.")]
    after = {entry.id: entry.split for entry in python_docs.build(more)}
    assert before.items() <= after.items()


def test_sentence_of_two_areas_is_no_row_and_is_not_divided():
    text = "Return the number of items in the queue."
    entries = python_docs.build([docstring("f", text, "one.mod"), docstring("g", text, "two.mod")])
    assert [entry.is_row for entry in entries] == [False, False]
    assert len({entry.split for entry in entries}) == 1


def test_sentence_said_twice_in_an_area_is_one_row():
    text = "Return the number of items in the queue."
    entries = python_docs.build([docstring("f", text), docstring("g", text)])
    assert [entry.is_row for entry in entries] == [True, False]


def test_name_defined_twice_in_a_file_has_two_ids():
    entries = python_docs.build([docstring("C.p", "The first one."), docstring("C.p", "Another.")])
    assert [entry.id for entry in entries] == ["pack/mod.py:C.p", "pack/mod.py:C.p#2"]


def test_documents_of_another_split_lose_paragraphs_that_repeat_a_row():
    # Names decide splits by a hash: of many rows, some are in train and some in test.
    rows = [f"Alpha{i} beta{i} gamma{i} delta{i} epsilon{i} zeta{i}." for i in range(60)]
    docs = [docstring(f"f{i}", row) for i, row in enumerate(rows)]
    whole = "An index of everything in here.\n\n" + "\n\n".join(f"See: {row}" for row in rows)
    docs.append(docstring("index", whole))
    entries = {entry.id: entry for entry in python_docs.build(docs)}
    index = entries["pack/mod.py:index"]
    owners = {entries[f"pack/mod.py:f{i}"].split for i in range(60)}
    assert len(owners) > 1
    for i, row in enumerate(rows):
        here = entries[f"pack/mod.py:f{i}"].split == index.split
        assert (row in index.document) == here
