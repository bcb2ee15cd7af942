"""Losses of preference learning, one for each pair; the program takes the mean of a whole step.

A new loss is a function here that takes :class:`PairLogProbs` and returns (pairs,), and an entry
in the schema. Rewards are what the loss says a model thinks of an answer.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .pairs import PairLogProbs

__all__ = [
    "DPO_LOSSES",
    "dpo_loss",
    "kto_loss",
    "orpo_loss",
    "sft_loss",
    "simpo_loss",
]

DpoLoss = Callable[[Tensor, Tensor, float, float], Tensor]
"""Log-ratios to the reference of the chosen and the rejected answers, beta, label smoothing."""


def _sigmoid(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """DPO (Rafailov et al., arXiv:2305.18290, equation 7); with smoothing, conservative DPO
    (Mitchell, "A note on DPO with noisy preferences", 2023, equation 3)."""
    margin = beta * (chosen - rejected)
    return -(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin)


def _hinge(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """SLiC's hinge on DPO's margin (Liu et al., RSO, arXiv:2309.06657, equation 10)."""
    return torch.relu(1 - beta * (chosen - rejected))


def _ipo(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """IPO (Azar et al., arXiv:2310.12036, equation 17); ratios are per token, as its authors
    have it in use, and beta is the paper's tau."""
    return (chosen - rejected - 1 / (2 * beta)) ** 2


def _robust(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """Robust DPO, unbiased where a share `smoothing` of the labels is wrong (Chowdhury et al.,
    arXiv:2403.00409, equation 9)."""
    margin = beta * (chosen - rejected)
    clean = (1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin)
    return -clean / (1 - 2 * smoothing)


def _exo_pair(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """EXO on pairs: the reverse KL to labels smoothed by `smoothing` (Ji et al., arXiv:2402.00856,
    equation 16)."""
    margin, wrong = beta * (chosen - rejected), torch.tensor(smoothing)
    better = margin.sigmoid() * (logsigmoid(margin) - torch.log1p(-wrong))
    return better + (-margin).sigmoid() * (logsigmoid(-margin) - torch.log(wrong))


def _nca_pair(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """NCA on pairs (Chen et al., arXiv:2402.05369, algorithm 1)."""
    rewards = beta * chosen, beta * rejected
    return -logsigmoid(rewards[0]) - 0.5 * (logsigmoid(-rewards[0]) + logsigmoid(-rewards[1]))


def _sppo_hard(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """SPPO with probabilities 1 and 0 (Wu et al., arXiv:2405.00675, equation 4.7)."""
    return (chosen - 0.5 / beta) ** 2 + (rejected + 0.5 / beta) ** 2


def _apo_zero(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """APO where chosen answers are better than the model's (D'Oosterlinck et al.,
    arXiv:2408.06266, equation 7)."""
    return (-beta * chosen).sigmoid() + (beta * rejected).sigmoid()


def _apo_down(chosen: Tensor, rejected: Tensor, beta: float, smoothing: float) -> Tensor:
    """APO where the model's answers are better than chosen ones (as above, equation 8)."""
    return (beta * chosen).sigmoid() + (-beta * (chosen - rejected)).sigmoid()


DPO_LOSSES: dict[str, DpoLoss] = {
    "sigmoid": _sigmoid,
    "hinge": _hinge,
    "ipo": _ipo,
    "robust": _robust,
    "exo_pair": _exo_pair,
    "nca_pair": _nca_pair,
    "sppo_hard": _sppo_hard,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
}


def dpo_loss(
    policy: PairLogProbs,
    reference: PairLogProbs,
    *,
    beta: float,
    loss_type: str = "sigmoid",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Loss of each pair, (pairs,), from how far the answers' log-probabilities moved.

    Args:
        policy, reference: of the model that learns, and of the one it started from.
        beta: how much a log-ratio counts; of `ipo` the regularisation.
        loss_type: one of :data:`DPO_LOSSES`.
        label_smoothing: share of labels taken as wrong, of `sigmoid`, `robust` and `exo_pair`.
    """
    chosen, rejected = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    if loss_type == "ipo":
        chosen, rejected = chosen / policy.chosen_tokens, rejected / policy.rejected_tokens
    return DPO_LOSSES[loss_type](chosen, rejected, beta, label_smoothing)


def sft_loss(policy: PairLogProbs) -> Tensor:
    """Negative log-likelihood of each chosen answer per token, (pairs,): what keeps it likely
    (RPO, Pang et al., arXiv:2404.19733, equation 1; the first term of ORPO)."""
    return -policy.chosen_mean


def orpo_loss(policy: PairLogProbs, *, beta: float) -> Tensor:
    """ORPO (Hong et al., arXiv:2403.07691, equation 6), (pairs,): likely chosen answers, and
    `beta`, the paper's lambda, times the log-sigmoid of the odds ratio (equation 7).

    Probabilities are per token, as in the paper's equation 3; nothing is compared with.
    """
    chosen, rejected = policy.chosen_mean, policy.rejected_mean
    odds = chosen - rejected - _log_of_rest(chosen) + _log_of_rest(rejected)
    return sft_loss(policy) - beta * logsigmoid(odds)


def _log_of_rest(log_prob: Tensor) -> Tensor:
    """log(1 - p) of log p < 0, without 1 - p becoming 0."""
    return torch.log(-torch.expm1(log_prob.clamp(max=-1e-7)))


def simpo_loss(policy: PairLogProbs, *, beta: float, gamma: float) -> Tensor:
    """SimPO (Meng et al., arXiv:2405.14734, equation 6), (pairs,): `beta` times the difference of
    log-probabilities per token has to exceed `gamma`; nothing is compared with."""
    margin = beta * (policy.chosen_mean - policy.rejected_mean)
    return -logsigmoid(margin - gamma)


def kto_loss(
    log_ratio: Tensor,
    good: Tensor,
    divergence: Tensor,
    *,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """KTO (Ethayarajh et al., arXiv:2402.01306, equation 8), (answers,).

    Args:
        log_ratio: (answers,), of the model to the one it started from.
        good: (answers,), the verdicts, as booleans.
        divergence: of the two models, the paper's z0; no gradient goes through it.
        beta: how much a log-ratio counts.
        desirable_weight, undesirable_weight: the paper's lambdas.
    """
    beyond = beta * (log_ratio - divergence)
    desirable = desirable_weight * (-beyond).sigmoid()  # 1 - sigmoid(x) = sigmoid(-x)
    return torch.where(good, desirable, undesirable_weight * beyond.sigmoid())
