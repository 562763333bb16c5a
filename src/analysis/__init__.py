"""Five studies of self-supervised image representations, recomputed.

Data flows one way: parameters -> dataset -> encoder -> features -> measure -> results -> page.
"""

__version__ = "0.1.0"
