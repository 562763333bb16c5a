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
# # Is an image the sum of its patches?
#
# **The claim.** Chen and colleagues {cite:p}`chen2023` train joint-embedding models on *patches of one size* instead of
# crops of many sizes, represent an image by the *mean over its patches*, and find that this is as good as the multi-scale
# baseline, even for small patches; that the whole-image embedding of an ordinary model *is about that mean*; that averaging
# over patches *improves* such models; that the projector is more invariant while the backbone *keeps what is local*; and
# that the loss *models co-occurrence*: a spectral contrastive loss and a co-occurrence loss are one.
#
# Only the abstracts and the two losses were at hand: sizes, numbers and architectures are choices of this project, the
# paper's tables are not reproduced. A quarter of an image is a large patch: two of them nearly always share pixels, so that
# "occurring together" may mean no more than seeing the same pixels twice. One model here was trained on patches that share
# none.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list bagssl` says what each parameter means and takes.
preset = "default"
run_dir = None
encoders = None
followed = None
dataset = None
maps = None
n_train = None
n_test = None
n_local = None
n_counts = None
side = None
small = None
large = None
sides = None
n_patches = None
most = None
retrain = None
seeds = None
n_bootstrap = None
level = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.notebook import open_notebook
from analysis.prose import folded, say
from analysis.studies.bagssl import pages, plots, plots_patches
from analysis.studies.bagssl import study as bagssl
from analysis.studies.bagssl.claims import CLAIMS
from analysis.verdict_prose import verdicts

use_style()
study = open_notebook("bagssl", globals())
bagssl.compute(study)
params, results = study.params, study.results
tables, scalars, titles = results.tables, results.scalars, pages.titles(results).get

# %% [markdown]
# ## What was found

# %%
pages.finding(results)

# %%
verdicts(results, CLAIMS)

# %%
study.show(
    plots.headline(tables["accuracy"], tables["encoders"], titles, params.side),
    "headline",
    pages.headline_caption(results, params.side),
)

# %% [markdown]
# ## Patches
#
# An encoder sees a patch at the size of its input, like any image. An image is represented by the mean of
# the *backbone* representations of its patches, a bag of patches in the paper's words; projectors are looked at separately. The same patches of the same images go through every encoder, and
# no colours are changed at test time.

# %%
folded("Patches of every size, and how often two of them share pixels", bagssl.sizes(study), pages.overlap_table(results))

# %%
folded(
    "Every encoder",
    say(
        "Those trained on patches differ from their multi-scale partners in nothing but the crops: the same images, the same "
        "number of passes, two views of each image. So equal images seen are equal patches seen, and both columns say so."
    ),
    pages.encoders_table(results),
)

# %% [markdown]
# ## Patches against whole images
#
# Probes are fitted on the training images and scored on test images, both represented in the same way. Creatures of Scenes
# stand near the middle of their images, so that the one patch in the middle is a strong rival of a mean over patches that
# lie anywhere.

# %%
folded("Accuracy of every encoder", pages.accuracy_table(results, params.side))

# %%
folded(
    "Pair by pair: trained on patches, and on crops of many sizes",
    say(
        "Each encoder trained on patches, read as the mean over patches of the size it was trained on, minus its multi-scale "
        "partner: on whole images, and on the partner's own patches, which cost as much."
    ),
    pages.pairs_table(results),
    say(
        "The same over further trainings of VICReg and SimCLR, with patches and with crops of many sizes, from other random "
        "weights and other batches: Student's interval over trainings, where those above are over test images."
    ),
    pages.further_table(results),
)

# %% [markdown]
# ### How small, and how many?

# %%
study.show(
    plots.by_size(tables["accuracy"], params.followed, titles),
    "size",
    "Solid: means over patches; dashed: the one patch in the middle. Rightmost, the whole image. Bands are bootstrap intervals.",
) if params.followed else say("*No encoder is followed in this run.*")

# %%
folded(
    "How many patches it takes",
    study.show(
        plots.by_number(tables["counts"], titles),
        "number",
        "Probes are fitted on means of as many patches, as far as training images have them. Bars: spread between draws of "
        "patches.",
    ),
) if tables.get("counts") else say("*No encoder is followed in this run.*")

# %% [markdown]
# ## Is the whole image the mean of its patches?
#
# Representations that are never negative lie in one corner of space: the cosine of any two images is high, and says
# nothing. So each side is centred over images first, other images are held beside the own one, and the own image is looked
# for among all. Overlapping patches share pixels with each other, patches side by side do not: both are shown, and judged
# relative to a network that is an exact bag of patches. Two networks whose answer is known stand at the foot of the table:
# one pools random features of single pixels, and is a bag; the other compares far places of the frame, and is none.

# %%
folded("The mean of patches and the whole image, encoder by encoder", pages.average_table(results))

# %%
say(
    "The measure gives **{known_bag:.2f}** to the network that is a bag and **{known_not:.2f}** to the one that is not.",
    known_bag=scalars["known_bag"],
    known_not=scalars["known_not"],
)

# %%
folded(
    "The mean over ever more patches",
    study.show(
        plots.convergence(tables["convergence"], titles),
        "convergence",
        "Means over random patches against whole images. Solid: the own image; dashed: other images.",
    ),
) if tables.get("convergence") else say("*No encoder is followed in this run.*")

# %% [markdown]
# ## Global, local, and what the head removes
#
# Two patches of an image are more alike the larger they are, in any network: they share more pixels. The untrained encoder
# shows how much of that is the pixels' doing. A ridge regression reads from a patch where in its image it lies.

# %%
study.show(
    plots_patches.similarity(tables["similarity"], tables["places"], titles),
    "similarity",
    "Bootstrap intervals over images. Not every projector was kept.",
)

# %%
bagssl.sheet(study, 0)

# %%
folded(
    "Nearest patches of a second encoder, and all patches counted",
    bagssl.sheet(study, 1),
    study.show(
        plots_patches.neighbour_shares(tables["neighbours"], titles),
        "neighbours",
        "Shares of the five nearest patches, by centred cosine; bootstrap intervals over images. *Image*: among patches of all "
        "images that share no pixel with the query. *Class*, *kind* (background, creature, class-defining part, by the exact "
        "masks) and *place* (within a quarter of a patch): among patches of other images. Dotted: chance.",
    ),
)

# %%
spectra = [
    study.show(
        plots_patches.spectra(tables["spectrum"], titles, params.followed[:2]),
        "spectra",
        "Eigenvalues of the covariance over test images, as shares of their sum.",
    )
] if params.followed else []
folded(
    "What changes of the image move, and how many dimensions are in use",
    study.show(
        plots_patches.invariance(tables["invariance"], titles),
        "invariance",
        "Variance that a change of the image makes, as a share of the variance over images: 0 is invariant; at 1 a change "
        "moves an image as far as another image lies, beyond 1 further.",
    ),
    *spectra,
    pages.ranks_table(results),
)

# %% [markdown]
# ## Does averaging improve existing models?
#
# Averaging costs as many passes through the network as there are patches. The same passes can be spent on whole images,
# mirrored and shifted a little, as is common at test time: that is what patches must beat.

# %%
study.show(
    plots.gains(tables["gains"], titles),
    "gains",
    "Bars are paired intervals.",
) if tables.get("gains") else say("*This run has no joint-embedding encoder trained on crops of many sizes.*")

# %% [markdown]
# ## The loss and co-occurrence
#
# On a finite joint distribution $p_{12}$ of two patches of an image, with marginals $p_1, p_2$,
#
# $$
# L_S(\lambda) = -\sum p_{12}\, z_1 \cdot z_2 + \lambda \sum p_1 p_2 (z_1 \cdot z_2)^2, \qquad
# L_C(w) = \sum p_1 p_2 \Bigl( w\, z_1 \cdot z_2 - \frac{p_{12}}{p_1 p_2} \Bigr)^2 ,
# $$
#
# and expanding the square gives $L_C(w) = 2w\, L_S(w/2) + K$, where $K = \sum p_{12}^2 / (p_1 p_2)$ does not depend on $z$.
#
# Which kinds of patches meet is known in Scenes, and where the pixels of photographs are labelled (there it is counted on other
# photographs). In Scenes a background of one family meets a creature of any species as
# often as chance has it, and never a background of another family. By their looks, two backgrounds may well be nearer to each
# other than to a creature; if the loss models co-occurrence, its representations must say the opposite. A patch is of the kind
# that its middle pixel shows. Similarities are taken between patches of different images only.

# %%
study.show(
    plots_patches.relations(tables["relations"], titles),
    "relations",
    "Mean centred cosine of patches of two different images, by the relation of their kinds; bootstrap intervals over images.",
) if tables.get("relations") else say("*What occurs together is known in Scenes and where pixels are labelled; this run has other images.*")

# %%
folded("Both losses in numbers; co-occurrence, encoder by encoder", pages.identity_table(results), pages.cooccurrence_table(results))

# %% [markdown]
# ## Limits
#
# Every encoder is one brief training of a small network; intervals hold the spread over test images, not over
# trainings, but where a verdict says over how many encoders or pairs. A patch is magnified to the encoder's input, so that size of content and amount of content change together.
# Patches of a quarter of the image overlap nearly always. A projector has fewer dimensions than a backbone, and a linear map
# reads less from fewer. Where two trainings of one pair were made, they differ by more than the intervals. A pair counts in
# B1 even where its encoder trained on patches does not beat an untrained network: the rule leaves nobody out. How the rules
# were changed, and why, is on the page [Rules that were changed](/rules_changed.md).

# %%
folded(
    "Three traps, each measured in this run, and what others published",
    pages.traps(results),
    pages.sign_table(results),
    pages.emp_ssl(),
)

# %% tags=["remove-cell"]
study.save()
