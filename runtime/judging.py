"""Answers graded by a model: a judge is asked about each answer, and its verdict is a score.

A verdict is an answer like any other: it is asked through `ask`, stands in the run's ledger, is
paid once, and counts in the budget. Its cost has a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from .data import Row
from .errors import RunError, Truncated
from .prompting import (
    JSON,
    Answer,
    Answers,
    Backend,
    Budget,
    Cell,
    Generation,
    Question,
    ask,
    make_cells,
)
from .prompting.accounts import Account
from .records import Progress, Run
from .scoring.labels import match_label

__all__ = ["Judge", "Verdicts", "ask_judge", "require_all"]

NAMES = ("answer", "label")
"""What a judge's template may name beside the row's fields; `label` only where rows have one."""


@final
class Judge:
    """Who grades, what is asked, and what each verdict is worth.

    Args:
        backend: who is asked; its name is that of its line in the accounts.
        template: Jinja over the row's fields, `answer` and, where rows have one, `label`.
        choices: the possible verdicts, each with its score from 0 to 1.
        format: `plain` or `chat`.
        system: message before the question, for `chat`.
        generation: how a verdict is written; what is not said is left to the backend.
    """

    def __init__(
        self,
        backend: Backend,
        template: str,
        choices: Mapping[str, float],
        *,
        format: str = "plain",
        system: str | None = None,
        generation: Generation | None = None,
    ) -> None:
        self.backend, self.choices = backend, dict(choices)
        self.generation = generation or Generation()
        self.question = Question(template, format, system)
        self._asked: dict[str, JSON] = {"input": template, "format": format, "system": system}

    def identity(self) -> dict[str, JSON]:
        """Return everything that shapes a verdict and its score."""
        scores: dict[str, JSON] = dict(self.choices)
        return {"type": "judge", "model": self.backend.identity(), **self._asked, "choices": scores}

    def cells(self, cells: Sequence[Cell], answers: Answers, rows: Sequence[Row]) -> list[Cell]:
        """Return a cell for each answer: its row is the judged cell, its variant the column.

        Raises:
            DataError: the template fails on a row.
        """
        known = {row.id: row for row in rows}
        columns: dict[str, list[Row]] = {}
        for cell in cells:
            shown = _shown(known[cell.row], cell, answers[cell.id])
            columns.setdefault(f"{cell.model}/{cell.variant}", []).append(shown)
        return [
            cell
            for column, asked in columns.items()
            for cell in make_cells(asked, [self.backend], {column: self.question}, self.generation)
        ]

    def verdict(self, text: str) -> str | None:
        """Return the choice that a verdict names, or None where it names none or several.

        Its first and its last line may name one, as an answer names a label. Where both do, they
        have to agree.
        """
        lines = [line for line in text.splitlines() if line.strip()]
        ends = [match_label(line, list(self.choices)) for line in (lines[:1] + lines[-1:])]
        named = {choice for choice in ends if choice is not None}
        return named.pop() if len(named) == 1 else None


def _shown(row: Row, cell: Cell, answer: Answer) -> Row:
    label = {} if row.label is None else {"label": row.label}
    return Row(cell.id, {**row.fields, **label, "answer": answer.text or ""}, None)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a judge said of each answer.

    `scores` and `said` are by id of the judged cell: the score is None where the verdict is no
    choice, `said` is (choice or None, the verdict's text, dollars).
    """

    judge: Judge
    scores: Mapping[str, float | None]
    said: Mapping[str, tuple[str | None, str, float | None]]
    served: tuple[str, ...]
    account: Account

    @property
    def unmatched(self) -> int:
        """How many verdicts are no choice."""
        return sum(score is None for score in self.scores.values())

    def record(self) -> dict[str, Any]:
        """Return what a result says of the judge."""
        return {
            "identity": self.judge.identity(),
            "served": list(self.served),
            "verdicts": len(self.scores),
            "unmatched": self.unmatched,
            "account": self.account.record(),
        }

    def line(self) -> str:
        """Return the judge's cost as a line of text."""
        one = self.account
        read, written = ("unknown" if n is None else f"{n:,}" for n in
                         (one.input_tokens, one.output_tokens))  # fmt: skip
        cost = "cost unknown" if one.usd is None else f"${one.usd:.4f}"
        missed = f", {self.unmatched} of no choice" if self.unmatched else ""
        return (
            f"judge: {len(self.scores)} verdicts{missed}, {one.calls} calls, {read} tokens read, "
            f"{written} written, {cost}"
        )


def ask_judge(
    run: Run,
    judge: Judge,
    answers: Answers,
    cells: Sequence[Cell],
    rows: Sequence[Row],
    *,
    budget: Budget | None = None,
) -> Verdicts:
    """Have every answer graded, those that the ledger holds no verdict on.

    Args:
        answers: those to the cells, all of them.
        budget: of the whole run; what the answers took is taken from it.

    Raises:
        RunError: answers or verdicts are missing, or the judge never named a choice in a column.
    """
    require_all(run, answers, cells)
    graded = judge.cells(cells, answers, rows)
    progress = Progress("judging", len(graded), "verdicts")
    found = ask(run, [judge.backend], graded, budget=budget, progress=progress, part="judge-")
    require_all(run, found, graded, "verdicts")
    said = {cell.row: _said(judge, found[cell.id]) for cell in graded}
    scores = {
        row: None if choice is None else judge.choices[choice]
        for row, (choice, _, _) in said.items()
    }
    _check_columns(graded, said)
    served = {str(name) for cell in graded if (name := found[cell.id].served_model)}
    account = found.accounts.of(judge.backend.name)
    return Verdicts(judge, scores, said, tuple(sorted(served)), account)


def _said(judge: Judge, answer: Answer) -> tuple[str | None, str, float | None]:
    text = answer.text or ""
    return judge.verdict(text), text, answer.usd


def _check_columns(
    cells: Sequence[Cell], said: Mapping[str, tuple[str | None, str, float | None]]
) -> None:
    """Refuse a judge that never judged: there is nothing to score by."""
    for column in dict.fromkeys(cell.variant for cell in cells):
        verdicts = [said[cell.row] for cell in cells if cell.variant == column]
        if all(choice is None for choice, _, _ in verdicts):
            raise RunError(
                f"none of {len(verdicts)} verdicts on {column} is a choice; the first was "
                f"{verdicts[0][1][:200]!r}",
                "say in evaluate.judge.input how to answer, or let the judge write more tokens",
            )


def require_all(run: Run, answers: Answers, cells: Sequence[Cell], what: str = "answers") -> None:
    """Withhold scores where something is missing: what is there is no fair sample.

    Raises:
        RunError: calls failed, or `Truncated`: the budget ended; what came back stays in the
            ledger.
    """
    if answers.truncated:
        got = sum(cell.id in answers and not answers[cell.id].error for cell in cells)
        raise Truncated(
            f"the budget ended the run ({answers.truncated}) after {got} of {len(cells)} {what}, "
            "so there are no scores",
            f"raise it and go on with --resume {run.id}: what is answered is not asked again",
        )
    failed = [answers[cell.id] for cell in cells if cell.id in answers and answers[cell.id].error]
    missing = sum(cell.id not in answers for cell in cells)
    if failed or missing:
        first = f"; the first: {failed[0].error}" if failed else ""
        calls = "calls" if what == "answers" else f"calls for {what}"
        raise RunError(
            f"{len(failed) + missing} of {len(cells)} {calls} gave no answer{first}",
            f"go on with --resume {run.id} --retry-errors",
        )
