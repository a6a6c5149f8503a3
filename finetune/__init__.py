"""Model weights: base models, pairs, training, adapters and evaluation. Knows nothing of pages or commands."""
