"""Measures of similarity between two sets of features of the same images, in numpy float64."""

from analysis.similarity.cca import mean_cca, pwcca, squared_cca, svcca
from analysis.similarity.cka import cka_matrix, debiased_cka, linear_cka, minibatch_cka, rbf_cka
from analysis.similarity.compare import MOST, Comparison, compare
from analysis.similarity.large import compare_large
from analysis.similarity.measures import MEASURES, Invariances, Measure, invariance_table
from analysis.similarity.procrustes import procrustes
from analysis.similarity.resampling import CkaEstimate, cka_pairs
from analysis.similarity.streaming import LinearCka

__all__ = [
    "MEASURES",
    "MOST",
    "CkaEstimate",
    "Comparison",
    "Invariances",
    "LinearCka",
    "Measure",
    "cka_matrix",
    "cka_pairs",
    "compare",
    "compare_large",
    "debiased_cka",
    "invariance_table",
    "linear_cka",
    "mean_cca",
    "minibatch_cka",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "squared_cca",
    "svcca",
]
