"""What do the patch tokens of self-supervised transformers know without tuning? (question of arXiv 2401.00463)"""
