"""Does removing foreground, background or centre change a representation? (question of arXiv 2306.01398)"""
