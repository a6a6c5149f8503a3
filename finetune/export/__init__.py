"""Adapters and datasets for other programs."""
