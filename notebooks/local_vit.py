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
#
# **The claim.** Vanyan and colleagues {cite:p}`vanyan2024` label patches of an image by their nearest neighbours among
# the patches of a few labelled images, and find that *patch features of self-distilled transformers (DINO, DINOv2) serve
# as they come, while those of masked image modelling (MAE, SimMIM) do not*; that MAE has *a few dimensions of high
# variance* to blame, which carry little; that *removing them* repairs MAE and Scale-MAE; and that there is a setting of
# retrieval in which *DINOv2 falls short of DINO*.
#
# Is that a weakness of the features, or of the way they are compared? Their protocol, as far as we know it, compares raw
# features by their inner product. Here that is one cell of a grid of transforms and metrics; every encoder goes through
# the whole grid.

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
from analysis.studies.local_vit import pages, plots
from analysis.studies.local_vit import study as local_vit
from analysis.notebook import open_notebook
from analysis.prose import say
from analysis.verdict_prose import answer, verdicts

use_style()
study = open_notebook("local_vit", globals())
measured = local_vit.compute(study)
params, results = study.params, study.results
tables, titles = results.tables, pages.titles(results).get

# %% [markdown]
# ## Encoders, images, patches

# %%
pages.encoders_table(results)

# %% [markdown]
# The linear probe in this table was measured once, on whole images of the controlled world, when a small encoder of this
# project was trained; chance is 0.06. It says how much a model has learnt at all: one that is hardly better than the
# untrained encoder (by less than 0.05) is shown on this page, and left out of all claims. The small DINO, iBOT and DINOv2
# of this project *start from the weights of its MAE*, since from random ones self-distillation taught a transformer this
# small nothing within its budget: between them and MAE lies their method's further training, and nothing else. DINO and iBOT
# went on with the images of MAE; DINOv2 with a hundred times as many, each seen once, so that in this project data and
# method of DINOv2 are not told apart, as they are not in the published models.
#
# Images are cut into square tiles, each of which is an image of its own to the encoder; grids of patches are equal for
# all encoders. Tokens are those of the last block after the final norm; of the small SimMIM those of its third block after
# that norm, since its last blocks draw pixels (see the page of the zoo); of a convolutional network, the last map. A bank
# patch has the class that most of its pixels have; a test patch stands for all its pixels, and one confusion matrix of all
# pixels gives the mIoU: pixels of no class are left out, and so are classes of which the test images have no pixel.
# Intervals are over test images.

# %%
pages.samples_table(results)

# %%
local_vit.pictures(study, measured)

# %% [markdown]
# ## Few-shot segmentation
#
# Four ways to label a patch: its nearest neighbour by inner product of features as they come (the paper's way); its
# nearest neighbour by cosine of standardised features, the one transform that was fixed for all encoders beforehand; a
# soft vote of thirty {cite:p}`balazevic2023`; and a linear probe on standardised features whose penalty is chosen on
# images held out of the bank. What a transform needs to know it learns from the bank.

# %%
study.show(
    plots.headline(tables["segmentation"], tables["linear"], titles),
    "headline",
    "mIoU with bootstrap intervals over test images, one panel per data set.",
) if tables["samples"] else say("*No data set of this run is segmented.*")

# %% [markdown]
# ### Features or metric?
#
# Every transform by every metric. *Loudest* are the dimensions of highest variance over the bank; as many random ones
# (mean of three draws), the quietest ones and those of largest mean are the controls. Vectors of length 1 make all
# metrics agree, as they must.

# %%
study.show(
    plots.grid(tables["segmentation"], titles),
    "grid",
    "mIoU of the nearest patch, mean over data sets. The paper's way is the first column of the first panel.",
) if tables["samples"] else say("*No data set of this run is segmented.*")

# %% [markdown]
# ### Do better encoders of images have better patches?
#
# Five encoders were measured on whole photographs before (accuracy, 25 classes of Tiny-ImageNet, vote of 20 neighbours by
# cosine). Beside that stand their patches: mIoU of the nearest patch, standardised, cosine. A convolutional network has no tokens; the
# vectors of its last map are taken in their place, and no claim below is about them.

# %%
pages.whole_table(results)

# %% [markdown]
# ### Self-distilled less masked, probe by probe

# %%
pages.families_table(results)

# %% [markdown]
# ## Dimensions of high variance

# %%
study.show(
    plots.spectra(tables["spectrum"], titles),
    "spectra",
    "Variance of every dimension over the bank, sorted, as a multiple of the mean; 1 everywhere where all are alike.",
) if tables["samples"] else say("*No data set of this run is segmented.*")

# %%
pages.variance_table(results)

# %% [markdown]
# Are they the same dimensions on other images?

# %%
pages.overlap_table(results)

# %%
study.show(
    plots.sweep(tables["sweep"], titles),
    "sweep",
    "mIoU of the nearest patch by inner product. Solid: the loudest dimensions removed; dashed: as many random ones.",
) if tables["samples"] else say("*No data set of this run is segmented.*")

# %% [markdown]
# ### Do they carry anything?
#
# Linear probes with and without them, and on them alone; as many random dimensions are the control. The first two columns
# show what standardising does to a linear probe: where it is fitted on standardised features and neighbours on raw ones,
# part of the gap between the two is preparation.

# %%
pages.linear_table(results)

# %% [markdown]
# ### After which block?

# %%
study.show(
    plots.depth(tables["layers"], titles),
    "layers",
    "mIoU of the nearest patch after each block, through the final norm. Solid: cosine; dashed: inner product.",
) if tables["layers"] else say("*Blocks were not compared in this run.*")

# %% [markdown]
# ## The same patch, the same object
#
# A patch of a shifted, turned, scaled, blurred or noisy image is looked for among the patches of all original images.
# Where it comes from is known exactly. Blur and noise move nothing, so that a code of the place is nearly enough, and the
# untrained transformer has one too: it is the control.
#
# *All at once* are the pairs of the controlled world, drawn twice from two points of view.

# %%
say(
    "A matcher whose features are the coordinates themselves finds **{perfect:.0%}** of the patches.",
    perfect=results.scalars["perfect"],
) if "perfect" in results.scalars else say("*No data set of this run is searched for patches.*")

# %%
study.show(
    plots.patches(tables["patches"], titles),
    "patches",
    "Share of patches whose most similar one, of all original images, is the right one. Mean over strengths and data sets.",
) if tables["patches"] else say("*No data set of this run is searched for patches.*")

# %% [markdown]
# Objects are the mean of their tokens, and are looked for among all others, look-alikes included. Through videos they are
# followed by propagating the labels of the first frame {cite:p}`jabri2020,caron2021`, scored as DAVIS does
# {cite:p}`perazzi2016`.

# %%
study.show(
    plots.found_again(tables["objects"], tables["tracking"], titles),
    "objects",
    "Bootstrap intervals over images, objects or videos. As they come: inner product; one for all: standardised, cosine.",
) if tables["objects"] or tables["tracking"] else say("*No data set of this run has objects to find again.*")

# %%
pages.objects_table(results)

# %% [markdown]
# DINO less DINOv2 in every setting of retrieval; the intervals hold for all settings together.

# %%
pages.shortfalls_table(results)

# %% [markdown]
# ## Damaged images
#
# The bank and the linear probe stay clean; test images are blurred (standard deviation in pixels) or get noise (of 255).

# %%
study.show(
    plots.damaged(tables["robustness"], titles),
    "damage",
    "mIoU on damaged test images, mean over data sets.",
) if tables["robustness"] else say("*No data set of this run is segmented.*")

# %% [markdown]
# ## Three errors, and what they cost
#
# A public draft of the authors' code has them; whether the published numbers have them is not known. Here they are made
# on purpose, on cases whose right answer is known.
#
# **The inverted map.** Patches of a turned image are scored against the place they would go to if turned once more. A
# matcher that knows every place should have 100 %. It also makes smaller patches look worse.

# %%
pages.rotation_table(results)

# %% [markdown]
# **The shifted stitch.** Maps of tiles are laid in a canvas whose side is computed from the wrong number, then stretched
# over the image. The labels of all patches are the true ones here.

# %%
pages.stitching_table(results)

# %% [markdown]
# **The inner product called cosine.** Planted classes, whose vectors differ in direction by class and in length by
# chance.

# %%
pages.lengths_table(results)

# %% [markdown]
# ## What the authors' draft measured
#
# Cityscapes, ViT-B, mIoU of 19 classes, 72 images in the bank: outputs kept in the notebooks of that draft, from before
# the paper. The published tables may differ. Our small encoders are not those, and our images are not these: the pattern
# may be compared, the values may not.

# %%
pages.draft_tables()

# %% [markdown]
# The same patch of turned satellite images (FAIR1M: share of patches whose nearest is the right one; the draft's code has
# the inverted map, by which a perfect matcher would not have 1), and the same object of a drive some frames later (BDD100K:
# share of boxes whose most similar one is right).

# %%
pages.draft_found_again()

# %% [markdown]
# ## Verdicts

# %%
verdicts(results)

# %%
answer(results, pages.WHAT)

# %% [markdown]
# **Limits.** Each model is one training run, so differences between *methods* are differences between these checkpoints;
# brief trainings of tiny networks may lack what long ones of large networks show, such as dimensions of high variance.
# The bank is one draw of images, and intervals over test images do not hold its spread. How many dimensions are removed
# is the published share, not tuned for these encoders. mIoU is bounded by the size of patches. Tracking uses the published
# radius of 12 patches, which on an 8 x 8 grid shuts nothing out: there, labels may come from anywhere in the frame.

# %% tags=["remove-cell"]
study.save()
