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
# # What do patches know without tuning?

# %% tags=["parameters"]
# None: the value of the preset. `analysis list local_vit` says what each parameter means and takes.
preset = "default"
run_dir = None
encoders = None
datasets = None
grid = None
n_bank = None
n_test = None
n_views = None
n_videos = None
n_frames = None
removed = None
shares = None
by_layer = None
n_bootstrap = None
level = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.notebook import open_notebook
from analysis.prose import folded, say
from analysis.studies.base import encoders_table
from analysis.studies.local_vit import claims, pages, pictures, plots, plots_retrieval
from analysis.studies.local_vit import study as local_vit
from analysis.verdict_prose import verdicts

use_style()
study = open_notebook("local_vit", globals())
measured = local_vit.compute(study)
results = study.results

# %%
pages.finding(results)

# %%
study.figure(
    plots.interaction,
    "Intervals over encoders; dashed: the smallest effect of interest. By construction the claim is false of noise on all "
    "dimensions and true of noise in dimensions of its own.",
    table="interaction",
)

# %%
verdicts(results, claims.CLAIMS)

# %% [markdown]
# ## The question
#
# Vanyan and colleagues {cite:p}`vanyan2024` label patches of an image by their nearest neighbours among the patches of a few
# labelled images. They find that *patch features of self-distilled transformers (DINO, DINOv2) serve without tuning, while those
# of masked image modelling (MAE, SimMIM) do not*; that MAE has *dimensions of high variance* to blame, which carry little; that
# *removing them* repairs MAE and Scale-MAE; and that in one setting of retrieval *DINOv2 falls short of DINO*.
#
# Worse without tuning may mean worse altogether. So the lead of the self-distilled encoders is measured twice, without tuning
# and with a tuned linear probe: the claim is about the difference. In segmentation the probe is a logistic regression; in the
# search for patches and objects a linear metric learned on pairs of the other half of the images {cite:p}`barhillel2003`; in
# videos a classifier of the first frame. Removing dimensions can be tested only where some dimension has high variance: more
# than ten times the median. Where none has, such dimensions are planted by an invertible map, which a linear layer behind the
# final norm (the embedding of MAE's decoder) can undo: the network would compute what it did before.

# %%
folded("Encoders and data sets", encoders_table(results), pages.samples_table(results))

# %% [markdown]
# Images are cut into square tiles, each an image of its own to the encoder; grids of patches are equal for all encoders. Tokens
# are those of the last block after the final norm (of a network read before its end: of that block); of a convolutional network,
# the last map. One confusion matrix of all pixels gives the mIoU; pixels of no class are left out.

# %%
local_vit.picture(study, measured, pictures.token_maps, "tokens of four test images, each colour one of the first three components.")

# %% [markdown]
# ## Few-shot segmentation

# %%
study.figure(plots.segmentation, "Intervals over test images.", table="segmentation")

# %%
folded(
    "Patches and the classes of their nearest neighbours",
    local_vit.picture(study, measured, pictures.labels, "the commonest class of each patch, and that of its nearest neighbour."),
)

# %%
folded(
    "Other metrics and transforms, larger banks, leads by task, classes one by one",
    study.figure(
        plots.transforms,
        "mIoU of the nearest patch, mean over data sets; what is removed is the published share.",
        table="segmentation",
    ),
    study.figure(plots.bank_sizes, "Points: draws of the labelled images; lines: their mean.", table="bank"),
    pages.interaction_table(results),
    pages.classes_table(results),
)

# %% [markdown]
# ## Dimensions of high variance

# %%
study.figure(plots.ratios, "Intervals over images; dashed: what counts as high.", table="ratio")

# %%
study.figure(plots.planted, "Mean over data sets. Without planting (1) the axes are only turned; a linear probe sees no change.", table="planted")

# %%
folded(
    "What removing dimensions does",
    study.figure(plots.removal, "Solid: those of highest variance removed; dashed: as many random ones.", table="removal"),
)

# %%
folded(
    "Variances before and after the norm, linear probes on parts of the dimensions, the same dimensions on other images",
    pages.variance_table(results),
    pages.linear_table(results),
    pages.overlap_table(results),
    pages.lengths_of_tokens(results),
)

# %%
folded("Block by block", study.figure(plots.depth, "Every block through the final norm.", table="layers"))

# %% [markdown]
# ## The same patch, the same object
#
# A patch of a changed image is looked for among the patches of all original images; objects are looked for among all others,
# look-alikes included. Blur and noise move nothing, so that a code of the place is nearly enough, and the untrained transformer
# has one too. *All at once* are scenes drawn twice from two points of view.

# %%
say(
    "A matcher whose features are the coordinates themselves finds **{perfect:.0%}** of the patches.",
    perfect=results.scalars["perfect"],
) if "perfect" in results.scalars else say("*No data set of this run is searched for patches.*")

# %%
study.figure(plots_retrieval.patches, "Share of patches found, raw features, mean over data sets.", table="patches")

# %%
folded(
    "Objects among look-alikes",
    study.figure(plots_retrieval.objects, "Raw features by cosine, with intervals over images, objects or videos.", table="objects"),
)

# %% [markdown]
# Through videos objects are followed by propagating the labels of the first frame {cite:p}`jabri2020,caron2021`, scored as DAVIS
# does {cite:p}`perazzi2016`.

# %%
study.figure(plots_retrieval.tracking, "Intervals over videos.", table="tracking")

# %%
folded("DINO minus DINOv2 in every setting, with intervals for all together", pages.shortfalls_table(results))

# %% [markdown]
# ## Degraded images

# %%
study.figure(
    plots.degraded,
    "mIoU minus that on clean images; the labelled images and the probe stay clean. Blur in pixels, noise of 255, octave 1: the "
    "finest frequencies.",
    table="robustness",
)

# %% [markdown]
# ## Limits
#
# Each model is one training run. Brief trainings of tiny networks may lack what long ones of large networks show, such as
# dimensions of high variance. A linear metric learned from few pairs is a weak probe. mIoU is bounded by the size of patches.
# Tracking uses the published radius of 12 patches, which on small grids shuts nothing out.
#
# A public draft of the authors' code has three errors; whether the published numbers have them is not known. They are made here
# on purpose, on cases whose right answer is known: patches of a turned image scored by the inverted map, maps of tiles laid in a
# canvas of a wrong size, and an inner product called a cosine.

# %%
folded(
    "Three errors, and what they cost",
    pages.rotation_table(results),
    pages.stitching_table(results),
    pages.lengths_table(results),
)

# %%
folded("What the authors' draft measured (nearest patch / linear probe)", pages.authors_tables())

# %% tags=["remove-cell"]
study.save()
