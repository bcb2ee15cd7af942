"""Tasks of lm-eval."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV617": (
        "task file of lm-eval that is not read",
        "A task of `evaluate.lm_eval` is a file that is not in the project, is no task, or says "
        "more than a task file of a project may.",
        "lm-eval runs the functions that a task file names and fetches what it asks for. A spec "
        "comes from strangers, so its files hold data and templates alone.",
        "evaluate: {lm_eval: [../outside.yaml]}\n",
        "evaluate: {lm_eval: [arc_easy]}\n",
    ),
    "NV618": (
        "lm-eval tasks of a model that does not write",
        "`evaluate.lm_eval` is given for a model with a head, of vectors or of rewards, or "
        "behind a soft prompt.",
        "lm-eval asks for the probabilities of words.",
        "head: {type: native}\nevaluate: {lm_eval: [arc_easy]}\n",
        "evaluate: {lm_eval: [arc_easy]}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
