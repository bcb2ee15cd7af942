"""Plan -> Program. A template looks like the file it makes; all decisions are taken before it.

A new level is a template in ``templates/`` and a line in ``TEMPLATES``; shared parts are macros in
``templates/_shared.j2``, those of programs that train in ``templates/_training.j2``.
"""

from __future__ import annotations

from typing import Any

from ..embedding import ContrastiveSpec
from ..launching import PROGRAM
from ..plan import FinetunePlan, Plan, PretrainPlan, PromptPlan
from ..preferences import PreferenceSpec
from ..program import File, Program
from .asking import template_of
from .batch_script import batch_script
from .context import finetune_context, pretrain_context, prompt_context
from .embedding import embedding_context
from .folding import fold
from .imports import imports
from .preferring import preference_context
from .rewarding import reward_context
from .write import write

IMPORTS = "\n#: imports\n"
"""Where templates leave room for the imports; the last such line, since a description has none."""

__all__ = ["emit", "write"]


def emit(plan: Plan) -> Program:
    """The program of ``plan``; its bytes depend on the plan alone.

    Raises:
        SyntaxError: if a template made something that is not Python, which is a fault of nivel.
    """
    from .environment import WIDTH, environment  # of Jinja, which takes a third of a plan's time

    if isinstance(plan, FinetunePlan):
        context = _tuning(plan)
    elif isinstance(plan, PretrainPlan):
        context = pretrain_context(plan)
    else:
        context = prompt_context(plan)
    text = environment().get_template(_template(plan)).render(context)
    head, mark, body = text.rpartition(IMPORTS)
    assert mark, "a template begins with shared.head"
    text = fold(f"{head}\n{imports(body)}{body}", WIDTH)
    compile(text, PROGRAM, "exec", dont_inherit=True)
    launch = plan.common.hardware.launch
    beside = (batch_script(plan, launch),) if launch and launch.slurm else ()
    return Program((File(PROGRAM, text), *beside))


def _tuning(plan: FinetunePlan) -> dict[str, Any]:
    if isinstance(plan.objective, PreferenceSpec):
        rewards = plan.objective.type == "reward"
        return reward_context(plan) if rewards else preference_context(plan)
    contrasts = isinstance(plan.objective, ContrastiveSpec)
    return embedding_context(plan) if contrasts else finetune_context(plan)


def _template(plan: Plan) -> str:
    if isinstance(plan, PromptPlan):
        return template_of(plan)
    if isinstance(plan, FinetunePlan) and isinstance(plan.objective, PreferenceSpec):
        return "reward.py.j2" if plan.objective.type == "reward" else "preference.py.j2"
    if isinstance(plan, FinetunePlan) and isinstance(plan.objective, ContrastiveSpec):
        return "embed.py.j2"
    headed = isinstance(plan, FinetunePlan) and plan.head is not None
    return "head.py.j2" if headed else f"{plan.level}.py.j2"
