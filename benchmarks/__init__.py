"""Measurements; what they found stands in docs/BENCHMARKS.md."""
