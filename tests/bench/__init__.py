"""Speed beside named peers: `python -m bench` stores the whole table, `python -m bench qscore` prints a part of it."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are loaded: every contestant works on one thread
