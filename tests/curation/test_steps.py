"""Each step on texts that show its rules one by one."""

from __future__ import annotations

from typing import Any

import pytest

from nivel.runtime.curation import Curation
from nivel.runtime.errors import DataError

from .test_planted import step

LONG = """\
It was a quiet morning, and the baker had opened her shop before the sun was up.
Two children stood at the window to look at the loaves that lay in long rows.
Their mother, who worked in the mill across the river, had given them a coin each.
Nobody knew that a letter from the capital would arrive with the noon coach.
When it came, everyone gathered around the well and waited for someone to read aloud.
"""


def only(text: str, **options: Any) -> tuple[str | None, Curation]:
    kind = options.pop("kind")
    curation = Curation([step(kind, **options)], rows=options.pop("rows", ()))
    return curation.apply(text), curation


def reason(kind: str, text: str, **options: Any) -> str | None:
    """Why a step drops a text; None where it stays."""
    left, curation = only(text, kind=kind, **options)
    (report,) = curation.report()
    assert (left is None) == bool(report.dropped)
    return next(iter(report.dropped), None)


def test_cleaning_gives_each_character_one_form_and_keeps_indentation() -> None:
    messy = "\ufeffCafe\u0301\u00a0 au  lait\r\n    if x:\x0b\n\n\n\n\tend\u200b \x07\n"
    left, _ = only(messy, kind="clean")
    assert left == "Café au lait\n    if x:\n\n\tend\n"
    assert only("ﬁ\u200d", kind="clean")[0] == "ﬁ\u200d\n"  # a joiner is seen in what it joins
    assert only("ﬁ", kind="clean", unicode="nfkc")[0] == "fi\n"


def test_cleaning_what_is_clean_changes_nothing() -> None:
    once, _ = only("a\u0301  b \r\n\r\n\r\nc", kind="clean")
    assert once is not None
    left, curation = only(once, kind="clean")
    assert left == once
    assert curation.report()[0].changed == 0


def test_a_text_of_which_nothing_is_left_is_dropped() -> None:
    assert reason("clean", "\u200b\x07 \n") == "nothing is left"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, None),
        ("too short a text", "number of words"),
        ("a b c d e f g h i j " * 6, "length of words"),
        ("# because the # weather is to be # fine " * 12, "hash marks or ellipses"),
        (
            "\n".join(f"- the point of number {n} and others" for n in range(12)),
            "lines that are bullets",
        ),
        (
            "\n".join(f"the line {n} of many that have more and more words..." for n in range(12)),
            "lines that end in an ellipsis",
        ),
        ("the 123 of 456 789 1011 " * 12, "words without a letter"),
        ("lorem ipsum dolor amet " * 14, "stop words"),
    ],
)
def test_gopher_says_why_a_text_is_no_prose(text: str, expected: str | None) -> None:
    assert reason("gopher-quality", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, None),
        ("\n\n".join(["one paragraph here"] * 3 + ["and another one", "a third"]),
         "repeated paragraphs"),
        ("\n".join(["one line here"] * 5 + ["and another line that is different"]),
         "repeated lines"),
        ("\n".join(["x" * 60] * 2 + [f"different line {n}" for n in range(8)]),
         "characters in repeated lines"),
        ("again and again we say that once more again and again", "characters in top 2-grams"),
    ],
)  # fmt: skip
def test_gopher_says_what_comes_again(text: str, expected: str | None) -> None:
    assert reason("gopher-repetition", text) == expected


def test_runs_of_five_words_that_come_again_are_counted_once() -> None:
    run = "five words that come again"
    others = " ".join(f"word{n}" for n in range(30))
    text = f"{run} {others} {run} and {run}"
    options: dict[str, list[float]] = {"max_top_grams": []}
    assert reason("gopher-repetition", text, **options) == "characters in repeated 5-grams"
    share = 2 * len(run.replace(" ", "")) / len(text)
    assert reason("gopher-repetition", text, **options, max_repeated_grams=[share]) is None
    assert reason("gopher-repetition", text, **options, max_repeated_grams=[share - 0.001])


def test_c4_keeps_lines_that_are_sentences() -> None:
    page = (
        "Home | About | Contact\n"
        "This is the first sentence of it.[1] It has a second one as well.\n"
        "Please turn on JavaScript to read this page here.\n"
        "We use cookies to give you the best of all pages.\n"
        "Too few words.\n"
        'He said that it was a "very good page" and left!\n'
        "A line that does not end as it should...\n"
    )
    left, curation = only(page, kind="c4")
    assert left == (
        "This is the first sentence of it. It has a second one as well.\n"
        'He said that it was a "very good page" and left!\n'
    )
    assert curation.report()[0].parts == {
        "lines: no end mark": 2,
        "lines: javascript": 1,
        "lines: policy": 1,
        "lines: few words": 1,
    }
    assert reason("c4", "One sentence that is long enough to stay here.") == "sentences"
    assert reason("c4", "int main() { return the_answer; }") == "curly bracket"
    assert reason("c4", "Lorem ipsum dolor sit amet, and so on.") == "lorem ipsum"


def test_equal_words_are_equal_texts_only_where_it_is_said() -> None:
    for compare, left in (("text", "the end"), ("words", None)):
        curation = Curation([step("exact-duplicates", compare=compare)])
        assert curation.apply("The end.") == "The end."
        assert curation.apply("the end") == left


def test_near_duplicates_are_the_same_whatever_was_hashed_before() -> None:
    pytest.importorskip("rensa")
    texts = [f"{LONG} {n // 2} and {n}" for n in range(20)] + [str(n) * 40 for n in range(5)]
    runs = [[Curation([step("near-duplicates")]) for _ in range(2)] for _ in range(2)]
    kept = [[c.apply(text) is not None for text in texts] for (c, _) in runs]
    assert kept[0] == kept[1]
    assert kept[0][0]
    assert not any(kept[0][1:20])
    assert all(kept[0][20:])


def test_a_row_is_found_in_a_longer_paragraph_and_only_that_is_taken_out() -> None:
    row = "What is the name of the river that runs through the old town of Bern"
    text = (
        "One.\n\nSomebody asked: WHAT is the name of the river, that runs\n"
        "through the old town of Bern?\n\nTwo.\n"
    )
    curation = Curation([step("overlap")], rows=[row])
    assert curation.apply(text) == "One.\n\nTwo.\n"
    assert curation.apply(row) is None
    assert curation.apply("the name of the river that runs through the old town") is not None
    (report,) = curation.report()
    assert report.parts == {"passages": 2}
    assert report.dropped == {"shared with a row": 1}


def test_a_short_row_is_looked_for_whole_and_a_shorter_one_not_at_all() -> None:
    rows = ["Is the moon made of green cheese or not", "Who is it"]
    curation = Curation([step("overlap")], rows=rows)
    assert curation.apply("Tell me: is the moon made of green cheese, or not?") is None
    assert curation.apply("Who is it? It is me.") == "Who is it? It is me."


def test_overlap_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        Curation([step("overlap")])


def test_masks_name_the_kind_and_samples_do_not_show_what_was_masked() -> None:
    text = "Mail jane@example.org or john@example.org, or call +44 20 7946 0321 from 203.0.113.9."
    left, curation = only(text, kind="pii")
    assert left == "Mail [EMAIL] or [EMAIL], or call [PHONE] from [IP]."
    (report,) = curation.report()
    assert report.parts == {"email": 2, "phone": 1, "ip": 1}
    assert not any("example" in one["text"] or "7946" in one["text"] for one in report.samples)
    assert only(text, kind="pii", kinds=["ip"])[0] == text.replace("203.0.113.9", "[IP]")


def test_counts_before_and_after_add_up_and_samples_do_not_depend_on_the_order() -> None:
    texts = [f"text number {n} " * (1 + n % 3) for n in range(50)]
    reports = []
    for order in (texts, texts[::-1]):
        curation = Curation([step("length", min_words=6), step("exact-duplicates")])
        left = [one for text in order if (one := curation.apply(text)) is not None]
        first, second = curation.report()
        assert first.before["documents"] == 50
        assert first.before["documents"] - sum(first.dropped.values()) == first.after["documents"]
        assert first.after == second.before
        assert second.after == {"documents": len(left), "bytes": sum(map(len, left))}
        reports.append(first.to_json())
    assert reports[0] == reports[1]
    assert len(reports[0]["samples"]) == 5
