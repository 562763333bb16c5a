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
# # What does a representation keep of an image?
#
# **The claim.** Bordes, Balestriero and Vincent {cite:p}`bordes2022` train a diffusion model to draw images from a frozen
# representation $h$, one $h$ and many samples: *what all samples share, $h$ holds; what varies between them, it does not*.
# From such pictures they conclude that samples are *realistic* and *faithful*, that backbones of self-supervised networks
# *are not invariant* to the augmentations they were trained with while their *projectors are*, that self-supervised
# representations *move less under attack* than supervised ones, and that they *can be edited*.
#
# Of the made world the factors are known, so that every picture has numbers beneath it: a factor is kept if it can be read
# from samples, and if it does not vary between two of them. Of photographs only the class is known. One small
# decoder draws from all representations, with the same weights but for the layer that takes $h$ in, and from the same noise.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list rcdm` says what each parameter means and takes.
preset = "default"
run_dir = None
decoder = None
alone = None
histories = None
encoders = None
judge = None
dataset = None
unfamiliar = None
n_bank = None
n_train = None
n_images = None
n_again = None
n_changed = None
n_unfamiliar = None
n_attacked = None
n_shown = None
n_edited = None
n_timed = None
eps = None
sampler = None
steps = None
ancestral = None
n_bootstrap = None
level = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.notebook import open_notebook
from analysis.prose import say
from analysis.studies.rcdm import pages, pages_decoder, plots
from analysis.studies.rcdm import study as rcdm
from analysis.verdict_prose import answer, verdicts

use_style()
study = open_notebook("rcdm", globals())
measured = rcdm.compute(study)
results = study.results
tables, titles = results.tables, pages.titles(results).get

# %% [markdown]
# ## What samples share
#
# *Backbone* is the output of the network, *projector* that of the head that the self-supervised loss sees. The last rows are
# controls: an 8 × 8 thumbnail as representation is the ceiling, what this decoder draws at best; *shuffled* is a decoder
# trained with the representations of other images, *nothing* the same network without any: the floor.

# %%
rcdm.pictures(study, measured, "taps")

# %%
pages_decoder.decoder_sentence(results)

# %%
study.show(
    plots.training(tables["training"], titles),
    "training",
    "Ranks are measured during the training, of few images, among those of a split of its own: points are noisy.",
) if tables["training"] else say("*No ranks were measured while this decoder was trained.*")

# %% [markdown]
# ### What does it cost to share one decoder?
#
# Sharing saves weights; a decoder of its own spends all its steps on one representation. So there are two comparisons: after
# as many steps, and after as many training images *of that representation*: then one separate decoder for every
# representation would have cost, in all, what the shared one did. The table is of the second kind, drawn from the same noise:
# where *shared less alone* lies below 0, the same effort is better spent on separate decoders.

# %%
pages_decoder.training_sentence(results)

# %%
pages_decoder.sharing_sentence(results)

# %%
pages_decoder.sharing_table(results)

# %% [markdown]
# ## Realistic? Faithful?
#
# **Realism** is the Fréchet distance of samples to real images in the space of an encoder that no sample was drawn from
# (FD-enc: it is not FID, and its values compare with nothing but each other), with KID {cite:p}`binkowski2018`, precision
# and recall {cite:p}`kynkaanniemi2019` beside it. The twins of a good generative model are the same network conditioned on
# the class label, and on nothing; *real images* in place of samples are the best there can be.
#
# **Faithfulness** is the rank of the represented image among real images, by distance to the sample: in the space that the
# sample was drawn from, as in the paper, and in that of the held-out encoder, which is the same for all rows. MRR is the mean
# reciprocal rank; squared distances are relative to that of two images.

# %%
study.show(
    plots.quality(tables["conditions"], titles),
    "quality",
    "Bootstrap intervals over images. Dotted: the reciprocal rank by luck.",
)

# %%
pages.conditions_table(results)

# %% [markdown]
# The held-out loss is the training objective of the decoder on images it never saw: a row with a low loss is one whose
# representation helps to draw. Do samples stay faithful for images unlike those that the decoder learnt from?

# %%
pages.unfamiliar_table(results)

# %%
rcdm.pictures(study, measured, "unfamiliar")

# %% [markdown]
# ## Which factors are kept?
#
# A reader, fitted on real images through the held-out encoder, reads the factors of the world from samples. Skill is 1 where
# it reads the represented image's own value every time, and 0 where a constant would do as well. Spread is the difference
# between two samples of one representation, relative to that between two random images: 0 where a factor is fixed, 1 where it
# is free.

# %%
pages.reader_sentence(results)

# %%
study.show(
    plots.families(tables["families"]),
    "factors",
    "Means over encoders of a kind, with bootstrap intervals over images.",
) if tables["families"] else say("*The factors of these images are not known.*")

# %% [markdown]
# Pictures need a decoder that can draw what is there. A linear probe on the representation itself does not: the same factors,
# read layer by layer from the backbone through the projector.

# %%
pages.layers_table(results)

# %% [markdown]
# ## Invariant to what?
#
# An image is changed, and both are represented and drawn from one noise. The change of the sample is held against the change
# of the image (its slope, through a reading that the change alters: a thumbnail's luma or colours, or the fine grain): 1 where
# samples follow fully, 0 where they know nothing of it. Beside it, the distance that the change moves the representation,
# relative to the median distance of two images.

# %%
pages.changes_sentence(results)

# %%
rcdm.pictures(study, measured, "changes")

# %%
study.show(
    plots.changes(tables["changes"], tables["distances"], titles),
    "invariance",
    "Means over images. Left of the gap: augmentations of the training; right: changes that no training had. A thumbnail holds "
    "no grain: of blur and noise it is no ceiling.",
)

# %% [markdown]
# The way of the released code into the network has no place in it: $h$ scales and shifts channels. A small decoder might draw
# things in the wrong place for that reason alone, so the decoder of this page also lays a map made of $h$ beside the image.
# With the map and without it:

# %%
pages.map_table(results)

# %% [markdown]
# ## Under attack
#
# Pixels are changed by no more than the given size, by projected gradient ascent of ten steps {cite:p}`madry2018`, once
# without labels (as far away from the clean representation as possible) and once against a linear probe. The control is a
# random change of the same length. Squared shifts are relative to the squared distance of two images.

# %%
study.show(
    plots.attacks(tables["attacks"], titles),
    "attack-curves",
    "Bootstrap bands over images; both axes of sizes are linear, shifts are on a logarithmic axis.",
)

# %%
rcdm.pictures(study, measured, "attacks")

# %%
pages.attacked_table(results)

# %% [markdown]
# ## Edited and mixed
#
# The released code takes the 20 nearest images of a folder and calls a dimension *common* that is not zero in more than 14 of
# them. Here common dimensions are swapped for another image's, for a folder of the same class and for one of the same
# background; the second rule, for features without zeros, takes dimensions that vary less than half as much there as
# elsewhere. An edit by background succeeds if the sample has a background nearer in colour to the other image's and the
# species of its own; an edit by class, if it is the other way round. (The *family* of a background can hardly be read at this
# size, as the reader's skill says, so its colour is judged.)

# %%
rcdm.pictures(study, measured, "edits")

# %%
pages.edits_table(results)

# %%
rcdm.pictures(study, measured, "paths")

# %% [markdown]
# Rank correlation between the place on the way and the background seen there, ends excluded:

# %%
pages.paths_table(results)

# %% [markdown]
# ## How many calls of the network?

# %%
pages.samplers_sentence(results)

# %%
pages.samplers_table(results)

# %% [markdown]
# ## Three ways to see what is not there
#
# **Guidance.** Extrapolating from the unconditional sample makes pictures crisper, and samples of one representation alike:
# it looks as if more were kept. All numbers of this page are at guidance 1.

# %%
pages.guidance_table(results)

# %% [markdown]
# **Noise that is not shared.** Two samples differ by their noise already, so that a row of samples from different noises shows
# differences which no edit made.

# %%
pages.noise_table(results)

# %% [markdown]
# **Few samples.** The Fréchet distance of real images to real images is not zero, and the fewer they are for the dimensions of
# the space, the further from it.

# %%
pages.few_table(results)

# %% [markdown]
# ## The released code, and this page

# %%
pages.released_sentence(results)

# %%
pages.released_table()

# %% [markdown]
# ## Verdicts

# %%
verdicts(results)

# %%
answer(results, pages.WHAT)

# %% [markdown]
# **Limits.** One decoder, trained once: intervals are over images and hold neither the spread of trainings nor that of
# encoders. A small decoder draws less than a representation may hold; probes and the thumbnail say how much is the
# decoder's part. All representations had equally many images of one training, so they may be compared with each other; none
# is the most that could be drawn: trained for longer, a decoder of one of them draws more of it. What a linear reader cannot
# read, nobody looked for. In the made world, at 32 pixels, a background is mostly its colour.

# %% tags=["remove-cell"]
study.save()
