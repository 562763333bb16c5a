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
# # The model zoo
#
# **What must hold.** The studies of this book measure small encoders that this project trained itself, by one recipe, so
# that methods differ in nothing but their method. That is worth something only if training taught each of them something.
# So each is held against its *untrained copy*, the same network with its initial weights, on images that neither has
# seen. Whoever does not beat its copy is named on this page: a finding about such a file says nothing about the method
# whose name it bears.
#
# There are residual networks {cite:p}`he2016` and vision transformers {cite:p}`dosovitskiy2021`, small enough to be
# shipped and to be trained in minutes on two processor cores (DINOv2, on a hundred times the images of the others, in an hour
# and a half). They are instruments, not competitors: an order of methods read off this page would be one of brief trainings
# of tiny networks.

# %% tags=["parameters"]
# None: the value of the preset. `analysis list model_zoo` says what each parameter means and takes.
preset = "default"
run_dir = None
encoders = None
dataset = None
n_train = None
n_test = None
n_bootstrap = None
seed = None
device = None
source = None

# %% tags=["remove-cell"]
from analysis.figures import use_style
from analysis.studies.model_zoo import pages, plots
from analysis.studies.model_zoo import study as zoo
from analysis.studies.model_zoo.verdict import RULE
from analysis.notebook import open_notebook
from analysis.prose import folded, say

use_style()
study = open_notebook("model_zoo", globals())
measured = zoo.compute(study)
results = study.results
tables, titles = results.tables, pages.titles(results)

# %% [markdown]
# ## Who is in it
#
# Read from the card that lies beside each file of weights.

# %%
pages.encoders_table(results)

# %%
pages.training_table(results)

# %% [markdown]
# ### The recipe
#
# One for all; what the views do to an image is part of it.

# %%
pages.recipe_table(results)

# %% [markdown]
# A few methods do not work by it. What was done otherwise, with the recipe's value in brackets, and why:

# %%
pages.deviations_table(results)

# %% [markdown]
# ## What they are worth
#
# Everything in this part is computed in this run, from the weights, not copied from a card. Two probes read frozen
# features: the 20 nearest training images by cosine, each voting with weight $\exp(\cos / 0.07)$ {cite:p}`wu2018`, and a
# logistic regression. Both are fitted on one set of images and scored on another; intervals (95 %) are over the images
# scored. *RankMe* is the effective rank of the features {cite:p}`garrido2023`. The reference is what the same probes make
# of the pixels themselves, averaged over blocks of 4 by 4.

# %%
study.show(
    plots.scores(tables["scores"], tables["encoders"], results.scalars["chance"]),
    "scores",
    "Every encoder with its 95 % intervals. Dotted lines: the untrained copy; dashed: chance. To be of use, a point must lie above "
    "and to the right of the dotted lines.",
)

# %%
folded("Every score", pages.scores_table(results))

# %% [markdown]
# ### Better than untrained?
#
# The gain is the difference of accuracies on the same images; resampling them in pairs gives its interval.

# %%
say(RULE.sentence())

# %%
folded("Encoder by encoder", pages.verdicts_table(results))

# %%
pages.failures(results)

# %% [markdown]
# ### Block by block
#
# A network that predicts pixels without a decoder of its own, as SimMIM does, needs its last blocks for the pixels: its end
# is the wrong place to ask what it learnt. So the transformers are read after every block, and the rule is applied once more
# to the block in the middle of each (chosen by its place, for all of them, not by its score). SimMIM is read there in all
# studies, since its end had lost to an untrained network; its *Out* is the mean over patches after its third block, through
# the final norm. All others are read at their end.

# %%
study.show(
    plots.layers(tables["layers"], tables["encoders"], titles),
    "layers",
    "Tokens averaged over the image after each block; bands are 95 % intervals. *Out* is the output that the studies use.",
) if tables.get("layers") else say("*No transformer of this run was probed.*")

# %%
pages.verdicts_table(results, "middle") if tables.get("middle") else say("*No trained transformer of this run has an untrained copy in it.*")

# %% [markdown]
# An encoder that did not begin with random weights owes part of its scores to what it began as. Its own part is the gain
# over that one, held to the same rule.

# %%
pages.starts_table(results)

# %% [markdown]
# ### What can be read from their features
#
# In the controlled world everything that was drawn is known. Words (species, part, coat, background) and the mirror image
# are read by a logistic regression and scored by accuracy, numbers by a ridge regression and scored by $R^2$ on images it
# was not fitted on. The first row is what the best constant guess reaches, the second what pixels give: only what goes
# beyond both is the encoder's.

# %%
study.show(
    plots.factors(tables["factors"], titles),
    "factors",
    "How well a linear map reads each factor of the image. Angles are read as sine and cosine.",
) if tables.get("factors") else say("*Of photographs nobody knows the factors; there is nothing to decode in this run.*")

# %% [markdown]
# ### Who is near whom

# %%
zoo.pictures(study, measured)

# %% [markdown]
# ## Do the cards still tell the truth?
#
# Each card holds the scores measured when its training ended. If they were not reached again, weights, world or probes
# would have changed since, and every study that uses the encoder would stand on something else than it says.

# %%
pages.agreement(results)

# %% [markdown]
# ## How training went
#
# Losses of different methods are not comparable; each has its own scale.

# %%
study.show(
    plots.curves(tables["curves"], titles),
    "curves",
    "Mean loss of each epoch, from the cards.",
) if tables.get("curves") else say("*No encoder of this run was trained.*")

# %% [markdown]
# **The collapse watch.** A method without negatives may map all images to one point, and its loss would look splendid.
# Two numbers tell: the *spread* of the directions of the embeddings (1 where they fill the sphere, 0 where all are one),
# and their effective rank. Both are taken on one batch of training views after each epoch.

# %%
study.show(
    plots.health(tables["curves"], tables["encoders"], titles),
    "health",
    "Spread (above) and effective rank (below) of a batch of embeddings after each epoch, from the cards. Dashed: below it an "
    "encoder has collapsed.",
) if tables.get("curves") else say("*No encoder of this run was trained.*")

# %% [markdown]
# ## Trained elsewhere
#
# Encoders trained on other images than those of this run are shown by what their cards say; **these numbers were not
# computed here**. Imagenette may not be shipped with this book: with the preset `real` and your copy of it, they are
# computed, and compared with the cards, like the others.

# %%
pages.cards_table(results)

# %% [markdown]
# ## Train one yourself
#
# ```bash
# analysis pretrain simclr                       # into build/zoo
# analysis pretrain simclr --seed 1 --out mine   # another seed, elsewhere
# analysis pretrain simclr --data folder:~/pictures/birds --device cuda --out mine
# ```
#
# Interrupted, the same command goes on after the last whole epoch and ends as if nothing had happened. It leaves the
# weights and the card; this page takes it by `-p encoders=file:mine/simclr.safetensors,zoo:untrained`.

# %%
pages.time(results)

# %% [markdown]
# ## What came out

# %%
pages.answer(results)

# %% [markdown]
# **Limits.** One training per encoder: another seed moves these scores by an amount that the intervals, which are over
# images, do not hold. Apart from the blocks of transformers, probes are read at the embedding only. The supervised
# encoders have seen the labels that the probes ask for, so that theirs is a ceiling and no fair comparison. A high score in the controlled world is not one on
# photographs. The encoders trained on patches of one size are instruments of one study and are measured on its page, as bags.

# %% tags=["remove-cell"]
study.save()
