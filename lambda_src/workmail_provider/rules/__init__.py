"""The decisions of the lifecycle contract. Nothing in here calls AWS."""
