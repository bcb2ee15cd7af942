"""Scores of written answers: measures, their uncertainty, differences, gates.

A new measure of a text goes into `texts.py`, one of JSON into `documents.py`.
"""

from .gates import EXIT_CODE, Gate, Verdict, judge, render_junit, render_markdown
from .matrix import CellScores, Metric, score_matrix

__all__ = [
    "EXIT_CODE",
    "CellScores",
    "Gate",
    "Metric",
    "Verdict",
    "judge",
    "render_junit",
    "render_markdown",
    "score_matrix",
]
