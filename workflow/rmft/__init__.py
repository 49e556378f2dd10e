"""Iterative Regret-Minimization Fine-Tuning (arXiv 2511.04393) as a reproducible pipeline."""
