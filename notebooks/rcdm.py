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
# Of Scenes the factors are known, so that every picture has numbers beneath it: a factor is kept if it can be read
# from samples, and if it does not vary between two of them. Of photographs only the class is known. One small
# decoder draws from all representations, with the same weights but for the layer that takes $h$ in, and from the same noise.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list rcdm` says what each parameter means and takes.
preset = "default"
run_dir = None
decoder = None
histories = None
encoders = None
compared = None
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
guidance = None
ancestral = None
n_bootstrap = None
level = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.notebook import open_notebook
from analysis.prose import folded, say
from analysis.studies.rcdm import pages, pages_decoder, plots
from analysis.studies.rcdm import study as rcdm
from analysis.studies.rcdm.claims import CLAIMS
from analysis.verdict_prose import verdicts

use_style()
study = open_notebook("rcdm", globals())
measured = rcdm.compute(study)
results = study.results
tables, titles = results.tables, pages.titles(results).get

# %% [markdown]
# ## What was found

# %%
pages.finding(results)

# %%
verdicts(results, CLAIMS)

# %%
study.show(plots.quality(tables["conditions"], titles), "quality", pages.quality_caption(results))

# %% [markdown]
# ## What samples share
#
# *Backbone* is the output of the network, *projector* that of the head that the self-supervised loss sees. The last rows are
# controls: an 8 × 8 thumbnail as representation is the most that this decoder can draw, *nothing* is the same network without
# any representation.

# %%
rcdm.pictures(study, measured, "taps")

# %%
pages_decoder.decoder_sentence(results)

# %% [markdown]
# ## Realistic? Faithful?
#
# **Realism** is the kernel distance (KID {cite:p}`binkowski2018`, without bias at any number of samples) of samples to real
# images, in the space of an encoder that no sample was drawn from. A value of 0 is that of other real images. The Fréchet
# distance in that space (FD-enc: it is not FID), precision and recall {cite:p}`kynkaanniemi2019` stand beside it.
#
# **Faithfulness** is the rank of the represented image among real images, by distance to the sample: in the space that the
# sample was drawn from, as in the paper, and in that of the held-out encoder, which is the same for all rows. MRR is the mean
# reciprocal rank; squared distances are relative to that of two images. An untrained network may score as well as trained
# ones: then the rank is due to what any network keeps.

# %%
folded("Faithfulness of every representation", pages.conditions_table(results))

# %%
folded(
    "Images unlike those that the decoder learnt from",
    rcdm.pictures(study, measured, "unfamiliar"),
    pages.unfamiliar_table(results),
)

# %% [markdown]
# ## Which factors are kept?
#
# A reader, fitted on real images through the held-out encoder, reads the factors of the world from samples. Skill is 1 where
# it reads the represented image's own value every time, and 0 where a constant would do as well. Spread is the difference
# between two samples of one representation, relative to that between two random images: 0 where a factor is fixed, 1 where it
# is free. The table asks the representations themselves, by linear probes: no decoder is needed.

# %%
study.show(
    plots.families(tables["families"]),
    "factors",
    "Means over encoders of a kind, with bootstrap intervals over images.",
) if tables.get("families") else say("The factors of these images are not known.")

# %%
folded("Layer by layer, and how well the reader reads real images", pages.layers_table(results), pages.reader_sentence(results))

# %% [markdown]
# ## Invariant to what?
#
# An image is changed, and both are represented and drawn from one noise. The change of the sample is held against the change
# of the image (its slope, through a reading that the change alters: a thumbnail's luma or colours, or the fine grain): 1 where
# samples follow fully, 0 where they know nothing of it. Beside it, the direct measure, which no decoder can blur: the squared
# distance that the change moves the representation, as a share of that of two images. The control that is invariant by
# construction is the mean of a representation over an image and all its changes.

# %%
study.show(
    plots.changes(tables["changes"], tables["distances"], titles),
    "invariance",
    "Means over images. Left of the gap: augmentations of the training; right: changes that no training had. A thumbnail holds "
    "no grain: it cannot show blur and noise.",
)

# %%
folded("Samples before and after each change", rcdm.pictures(study, measured, "changes"))

# %%
folded("How far changes move every encoder, drawn or not", pages.compared_table(results))

# %% [markdown]
# ## Under attack
#
# Pixels are changed by no more than the given size, by projected gradient ascent of ten steps {cite:p}`madry2018`, once
# without labels (as far away from the clean representation as possible) and once against a linear probe. The control is a
# random change of the same length. Squared shifts are relative to the squared distance of two images.

# %%
study.show(
    plots.attacks(tables["attacks"]),
    "attack-curves",
    "Bootstrap bands over images; sizes are on a linear axis, shifts on a logarithmic one.",
)

# %%
folded("Samples of attacked images", rcdm.pictures(study, measured, "attacks"), pages.attacked_table(results))

# %% [markdown]
# ## Edited and mixed
#
# The released code takes the 20 nearest images of a folder, calls a dimension *common* that is not zero in more than 14 of
# them, and swaps the common ones for another image's. That is nearly all dimensions, so any other choice of as many is nearly
# the same edit. Here the quarter that is most common is swapped; the control is another quarter. The folder holds images of the
# same background; an edit succeeds if the sample has a background nearer in colour to the other image's and the species of its
# own. No edit can do better than the true composite, the object cut out and laid on the other background, drawn alike.

# %%
folded("Edits in pictures, and representation by representation", rcdm.pictures(study, measured, "edits"), pages.edits_table(results))

# %%
folded(
    "Straight paths between two representations",
    rcdm.pictures(study, measured, "paths"),
    say("Rank correlation of the place on the path with the background seen there, ends excluded."),
    pages.paths_table(results),
)

# %% [markdown]
# ## Details: training, samplers, traps, the released code

# %%
folded(
    "Ranks during the training",
    study.show(
        plots.training(tables["training"], titles),
        "training",
        "Ranks are measured during the training, of few images, at guidance 1, among those of a split of its own: points are noisy.",
    ) if any(titles(row["condition"]) for row in tables["training"]) else say("No ranks were measured in training."),
    pages_decoder.training_sentence(results),
)

# %%
folded("Samplers", pages.samplers_table(results))

# %%
folded(
    "Guidance, and noise that is not shared",
    say(
        "**Guidance** extrapolates from the unconditional sample {{cite:p}}`ho2022`. The paper has none; a small decoder, "
        "briefly trained, makes too little of what it is given. With guidance two samples of one representation differ less than "
        "they might: what varies between them is a lower bound. **Noise** that is not shared makes two samples differ by itself."
    ),
    pages.guidance_sentence(results),
    pages.guidance_table(results),
    pages.noise_table(results),
)

# %%
folded("The released code, point by point", pages.released_sentence(results), pages.released_table())

# %% [markdown]
# **Limits.** One decoder, trained once: intervals over encoders hold the spread of methods and not that of trainings. A small
# decoder draws less than a representation may hold, which is why claims that rest on samples wait for a faithful one; probes,
# distances and the thumbnail say how much is the decoder's part. All representations had equally many images of one training,
# so they may be compared with each other; none is the most that could be drawn. What a linear reader cannot read, nobody
# looked for. In Scenes, at 32 pixels, a background is mostly its colour.

# %% tags=["remove-cell"]
study.save()
