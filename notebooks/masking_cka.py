# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does removing object, ground or centre change a representation?
#
# **The claim.** Cadet and colleagues {cite:p}`cadet2023` compare what pretrained self-supervised models (DINOv2, MAE and
# SwAV among them) make of complete images, of their foreground and of their background, with CKA and CCA on four data sets,
# and conclude that *not all models lead to representations that separate the three*. Where a foreground is ill defined, as in
# textures, they occlude the centre instead.
#
# We know the paper by its abstract. What follows is therefore a re-implementation of its *question* with standard choices
# that are ours, each stated, and each claim beside a control that could explain it away.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list masking_cka` says what each parameter means and takes.
preset = "default"
run_dir = None
encoders = None
datasets = None
n = None
fills = None
fractions = None
min_coverage = None
max_coverage = None
by_layer = None
n_bootstrap = None
n_permutations = None
level = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.studies.masking_cka import plots
from analysis.studies.masking_cka import study as masking
from analysis.notebook import open_notebook
from analysis.prose import say
from analysis.verdict_prose import answer, verdicts

use_style()
study = open_notebook("masking_cka", globals())
masking.compute(study)
params, results = study.params, study.results
tables, titles = results.tables, masking.titles(results).get

# %% [markdown]
# ## Images, models, variants
#
# Every image is first resized and cropped, then masked, then normalised, so that no colour bleeds over the edge of a mask.
# Images whose foreground covers almost nothing or almost everything are dropped for *all* variants and models: one list of
# images, one order, everywhere.

# %%
masking.samples_table(results)

# %%
masking.encoders_table(results)

# %% [markdown]
# The linear probe is measured once, when a small encoder of this project is trained: 16 classes of the controlled world, chance
# 0.06; encoders trained on photographs have none here. It says how much a model has learnt at all. Those that come with this
# version were trained for minutes on two processor cores; where a probe is hardly above that of the untrained twin, what follows
# describes that checkpoint, not its method.

# %%
masking.pictures(study, params.datasets[0])

# %% [markdown]
# Beside object and ground, each image has an **area-matched control**: a random blob with exactly as many pixels as the object,
# and its complement. Removing *something* always changes a representation; the control says how much of the change is due to
# the amount alone. `background_box` removes the object's bounding box, for a hole in the shape of a bird still says "bird".

# %% [markdown]
# ## The measure, and its trap
#
# The headline is **debiased linear CKA** {cite:p}`nguyen2021`: 1 for representations that are equal up to rotation and scale,
# 0 on average for unrelated ones. It may be slightly negative. Raw CCA and biased CKA {cite:p}`kornblith2019` are not 0 for
# unrelated features; they grow with the width of the features and shrink with the number of images, so that a wide model looks
# "more robust" than a narrow one for that reason alone.

# %%
study.show(
    plots.trap(tables["trap"]),
    "trap",
    "Two independent Gaussian feature matrices, for three numbers of images. Mean of five draws.",
)

# %%
say(
    "On features that share nothing, mean CCA reaches **{trap_cca:.2f}** and biased CKA **{trap_biased:.2f}** in the settings above, "
    "debiased CKA at most **{trap_debiased:.3f}** in size.",
    **{key: results.scalars[key] for key in ("trap_cca", "trap_biased", "trap_debiased")},
)

# %% [markdown]
# ## Complete, object, ground

# %%
study.show(
    plots.matrices(tables["pairs"], titles, params.fills[0]),
    "matrices",
    f"Debiased linear CKA of embeddings between the three variants. Removed pixels are painted with the fill *{params.fills[0]}*.",
)

# %%
say(
    "In **{cells_above_null:.0f} of {cells:.0f}** combinations of model and data set, object and ground images are more alike than "
    "chance: the interval lies above the 95 % level of a null made by permuting rows.",
    **{key: results.scalars[key] for key in ("cells", "cells_above_null")},
)

# %% [markdown]
# ### Is it the object's outline, or just the amount removed?
#
# *Separation* is CKA between the two halves of a random cut, less CKA between object and ground. Above 0, cutting along the
# object's outline makes halves that the model finds less alike than a random cut of the same areas does. The grey band holds
# differences smaller than we would call one; it was fixed, with the rule, before any number was seen.

# %%
study.show(
    plots.separation(tables["separation"], titles, results.scalars["smallest"]),
    "separation",
    "Mean over data sets with its bootstrap interval, for each fill; faint dots are single data sets.",
)

# %%
masking.separation_table(results)

# %% [markdown]
# ### What carries the representation?
#
# CKA(complete, object) less CKA(complete, ground): positive where the object alone is closer to the complete image than the
# ground alone is.

# %%
masking.reliance_table(results)

# %% [markdown]
# ### Does it depend on the depth, or on the measure?

# %%
study.show(
    plots.by_layer(tables["layers"], titles),
    "layers",
    "From the first layer (0) to the embedding (1). Dashed: the random cut of the same areas.",
) if tables["layers"] else say("*Layers were not compared in this run.*")

# %%
study.show(
    plots.panel(tables["panel"], titles),
    "measures",
    "Object against ground under every measure, mean over data sets. Procrustes is a distance; the others are similarities.",
)

# %% [markdown]
# ### An outside check
#
# Similarity measures can disagree with what a representation is good for. So: is the nearest *complete* image (the image itself
# left out) of the right class?

# %%
study.show(
    plots.neighbours(tables["neighbours"], titles, params.fills[0]),
    "neighbours",
    "Accuracy of the nearest neighbour among complete images, with bootstrap intervals over images.",
)

# %% [markdown]
# ## Occluding the centre
#
# Solid lines remove a centred square, dashed lines the same square at a random place (the control), dotted lines keep nothing
# but the centre. If the centre stands in for the object, solid and dashed must part where there *is* an object, and must not
# where there is none.

# %%
study.show(
    plots.occlusion(tables["pairs"], titles, params.fractions, params.fills[0]),
    "occlusion",
    "Debiased CKA with the complete image against the side of the square, as a share of the image's side.",
)

# %%
masking.pictures(study, params.datasets[-1])

# %% [markdown]
# ## Verdicts

# %%
verdicts(results)

# %%
answer(results, masking.WHAT)

# %% [markdown]
# **Limits.** Separation needs room: where a model finds even the halves of a random cut unrelated (CKA near 0 in the panel *random
# cut*), the outline cannot add anything, and *does not separate* then means that any cut does. How far the untrained encoders
# separate is how much of it needs no learning. CKA compares geometries of whole sets of images, not single images, and a painted hole is not an absent object: the
# fill is a stimulus of its own, which is why three are used. Intervals are over images; each model is one training run, so
# differences between *methods* are differences between these checkpoints. The paper's own body, data sets and sizes are not known
# to us, so agreement or disagreement here is with its abstract.

# %% tags=["remove-cell"]
study.save()
