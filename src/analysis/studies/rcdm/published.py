"""What the released code does, read in it, and a published number.

Code: https://github.com/facebookresearch/RCDM, commit 71daaf1. FID and Inception Score of RCDM on ImageNet at 256 px, drawn
from representations of real images: table 2 of Li, Katabi and He 2024 (arXiv 2312.03701). The weights of the released network
of 128 px were counted on it, for a representation of 2,048 dimensions.
"""

from analysis.results import Row

FID, INCEPTION_SCORE = 19.0, 51.9
WEIGHTS, SIZE = 422.6e6, 128
CODE: tuple[Row, ...] = (
    {
        "what": "How h enters the network",
        "there": "one linear layer, added to the time embedding; the conditional batch normalisation of the paper is not there",
        "here": "the same way, with a learned null vector; and, beside it, as a map next to the image",
    },
    {
        "what": "Scale of h",
        "there": "as it comes, of any width and scale, through one layer with the default initialisation",
        "here": "standardised per dimension on the decoder's training images",
    },
    {
        "what": "Images for the encoder",
        "there": "normalised with mean and deviation 0.5, not as the encoder was trained",
        "here": "through the encoder's own transform, real images and samples alike",
    },
    {
        "what": "Noise of edited samples",
        "there": "the manipulation script draws one noise and does not pass it on: rows differ by noise too",
        "here": "one noise for all that is compared, drawn on the processor",
    },
    {
        "what": "Interpolation",
        "there": "mixing ratios from 0.5 to 0.7; fresh noise in every ancestral step",
        "here": "the whole way, by a deterministic solver",
    },
    {
        "what": "A batch",
        "there": "the forward pass goes through the batch and encodes all of it each time: only a batch of one behaves",
        "here": "representations are computed once, before",
    },
    {
        "what": "Realism",
        "there": "an evaluator that needs TensorFlow 1 and a download",
        "here": "FD-enc, KID, precision and recall in the space of an encoder held out",
    },
)
