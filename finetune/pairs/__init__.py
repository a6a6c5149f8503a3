"""Documents → question–answer pairs with evidence: facts, wordings, rows with context, filters, splits, checks."""

from finetune.pairs.settings import BuildProgress, PairSettings

__all__ = ["BuildProgress", "PairSettings"]
