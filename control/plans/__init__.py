"""One-key plans: shown in words before, run step by step, followed to their proof."""
