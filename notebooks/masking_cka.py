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
# # Does removing object, background or centre change a representation?
#
# Cadet and colleagues {cite:p}`cadet2023` compare what pretrained self-supervised models (DINOv2, MAE and SwAV among them) make
# of complete images, of their foreground and of their background, with CKA and CCA on four data sets, and conclude that *not
# all models lead to representations that separate the three*. Where a foreground is ill defined, as in textures, they occlude
# the centre instead. We know the paper by its abstract, which prints no number: this is a new study of its *question*, with
# choices that are ours.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list masking_cka` says what each parameter means and takes.
preset = "default"
run_dir = None
encoders = None
again = None
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
from analysis.notebook import open_notebook
from analysis.prose import folded, say
from analysis.studies.base import encoders_table
from analysis.studies.masking_cka import plots
from analysis.studies.masking_cka import study as masking
from analysis.studies.masking_cka.claims import CLAIMS, SMALLEST
from analysis.verdict_prose import verdicts

use_style()
study = open_notebook("masking_cka", globals())
masking.compute(study)
params, results = study.params, study.results

# %% [markdown]
# ## What was found

# %%
masking.finding(results)

# %%
verdicts(results, CLAIMS)

# %%
study.show(
    plots.separation(results, SMALLEST),
    "separation",
    "Right of the dashed line an encoder separates. Intervals span all data sets that decide and all fills; faint dots are those "
    "of every data set with masks. Left, whether the *images* are less alike, right, whether they vary in different *directions* "
    "of the representation.",
)

# %% [markdown]
# ## Method
#
# Every image is resized and cropped, then masked, then normalised, so that no colour bleeds over the edge of a mask; images
# whose object covers almost nothing or almost everything are dropped for *all* variants and encoders.
#
# A hole in the shape of a bird still says "bird": an image of the background with its object cut out shows the object's
# outline, and so does the object alone. In the controlled world the **true background** is therefore the same scene drawn without its
# object; on photographs the *bounding box* takes the object's place on both sides. The control is a **region** with the outline
# of *another* image's object and its complement, the *rest*: places, sizes and shapes of real objects, in images that they
# know nothing of. A model separates if object and background are less alike than region and rest, in every data set
# with masks, under every fill. A data set on which its controls cannot be told apart does not decide.
#
# *By images*: debiased linear CKA {cite:p}`nguyen2021`, 1 for representations that are equal up to rotation and scale, 0 on
# average for unrelated ones. Object and background of a scene are drawn independently, so that even an untrained network finds
# them unrelated. *By directions*: the cosine of the two covariance matrices, which says whether the network keeps them in
# dimensions of their own; here each model is compared with its **untrained copy** of the same architecture.

# %%
masking.samples_table(results)

# %%
masking.pictures(study, params.datasets[0])

# %%
folded("Every encoder", encoders_table(results))

# %% [markdown]
# ## Object and background

# %%
study.show(
    plots.matrices(results, params.fills[0]),
    "matrices",
    f"Debiased linear CKA between variants, removed pixels painted with the fill *{params.fills[0]}*.",
)

# %%
say(
    "In **{cells_above_null:.0f} of {cells:.0f}** combinations of encoder and data set, object and background are more alike "
    "than chance: the interval lies above the 95 % level of a null made by permuting rows.",
    **{key: results.scalars[key] for key in ("cells", "cells_above_null")},
)

# %% [markdown]
# ## What carries the representation?
#
# CKA(complete, object) − CKA(complete, background). Networks of different architecture differ in it before they have learnt
# anything, so models are compared within one architecture, or each with its untrained copy.

# %%
study.show(
    plots.reliance(results),
    "reliance",
    "Intervals span all data sets that decide and all fills.",
)

# %%
folded("Reliance, model by model", masking.reliance_table(results))

# %% [markdown]
# ### Does it matter where the masks come from?
#
# A cut-out leaves a hole; a predicted mask is wrong at places. The segmenter is deliberately simple: what differs in colour
# from the rim of the image, above Otsu's threshold.

# %%
study.show(
    plots.arms(results),
    "masks",
    f"Reliance with the true background, and with cut-outs along true and predicted outlines, fill *{params.fills[0]}*.",
)

# %% [markdown]
# ## Occluding the centre
#
# If the centre stands in for the object, encoders that lose much by the one lose much by the other, and the centred square
# takes more than the same square in the corners *where there is an object*. The squares are at the same place in all images.

# %%
study.show(
    plots.stand_in(results),
    "stand-in",
    f"One dot an encoder, in the colour of its method; squares of {100 * params.fraction:.0f} % of the side.",
)

# %%
folded(
    "Squares of other sizes",
    study.show(
        plots.occlusion(results, params.fractions, params.fills[0]),
        "occlusion",
        "Solid: the centred square removed. Dotted: nothing else kept.",
    ),
)

# %%
folded("What the encoders see of images without masks", masking.pictures(study, params.datasets[-1]))

# %% [markdown]
# ## Does it depend on the measure, or on the depth?
#
# Raw CCA and biased CKA {cite:p}`kornblith2019` are not 0 for unrelated features: they grow with the width of the features and
# shrink with the number of images, so that a wide model looks "more robust" than a narrow one for that reason alone.

# %%
folded(
    "What unrelated features reach",
    study.show(
        plots.trap(results.tables["trap"]),
        "trap",
        "Two independent Gaussian feature matrices; mean of five draws.",
    ),
)

# %%
study.show(
    plots.panel(results),
    "measures",
    "The measure between region and rest minus that between object and background, mean over data sets; colours rank the "
    "encoders within a row. CCA after projection on n / 10 principal components.",
)

# %%
folded(
    "Layer by layer",
    study.show(
        plots.by_layer(results),
        "layers",
        "From the first layer (0) to the embedding (1). Solid: object and background. Dashed: region and rest.",
    ) if results.tables.get("layers") else say("*Layers were not compared in this run.*"),
)

# %% [markdown]
# ### An outside check
#
# Similarity measures can disagree with what a representation is good for. So: is the nearest *complete* image (of another
# cluster than the image itself) of the right class?

# %%
folded(
    "An outside check: nearest neighbours",
    study.show(
        plots.neighbours(results, params.fills[0]),
        "neighbours",
        "Accuracy of the nearest neighbour among complete images, with bootstrap intervals over images.",
    ),
)

# %% [markdown]
# ## Limits
#
# A bounding box holds background too, so that *object* on photographs means *what is near the object*. CKA compares geometries
# of whole sets of images, not single images. Each model is one training run. Whether object and background occur together (cows
# on grass) differs between data sets, and an interval that spans data sets with opposite signs decides nothing. The paper's own
# body, data sets and sizes are not known to us, so agreement or disagreement here is with its abstract.

# %% tags=["remove-cell"]
study.save()
