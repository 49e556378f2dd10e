"""Language models: pretraining, rollout engines, fine-tuning. May import core and torch."""
