"""Scores of written answers: measures, their uncertainty, differences, gates.

A new measure of a text goes into `texts.py`, one of JSON into `documents.py`; one that is a model
itself gives its scores to `score_matrix` as `extra`.
"""

from .differences import Earlier, read_baseline, with_differences
from .gates import EXIT_CODE, Gate, Verdict, judge, render_junit, render_markdown
from .matrix import CellScores, Metric, score_matrix

__all__ = [
    "EXIT_CODE",
    "CellScores",
    "Earlier",
    "Gate",
    "Metric",
    "Verdict",
    "judge",
    "read_baseline",
    "render_junit",
    "render_markdown",
    "score_matrix",
    "with_differences",
]
