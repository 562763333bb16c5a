"""Numbers that others published, to stand beside ours.

Chen et al. 2023, abstract: https://openreview.net/forum?id=r06xREo3QG. EMP-SSL (Tong et al. 2023), linear probe of a ResNet-18,
README of https://github.com/tsb0601/EMP-SSL, commit 8fc3758; cells of few epochs lie on a schedule of 30. VICReg:
README of https://github.com/facebookresearch/vicreg.
"""

from analysis.results import Row

ABSTRACT = 0.62  # linear probe on ImageNet with patches of 32 px
WHOLE_IMAGES = 0.732  # linear probe of VICReg on ImageNet, ResNet-50, whole images

_COLUMNS = tuple(f"{data}_{epochs}" for data in ("c10", "c100") for epochs in (1, 10, 30, 1000))
EMP_SSL: tuple[Row, ...] = tuple(
    {"method": method, **dict(zip(_COLUMNS, (*ten, *hundred), strict=True))}
    for method, ten, hundred in (
        ("SimCLR", (0.282, 0.565, 0.663, 0.910), (0.054, 0.185, 0.341, 0.662)),
        ("BYOL", (0.249, 0.489, 0.684, 0.926), (0.043, 0.150, 0.349, 0.708)),
        ("VICReg", (0.406, 0.697, 0.781, 0.921), (0.079, 0.319, 0.479, 0.685)),
        ("SwAV", (0.245, 0.532, 0.767, 0.923), (0.028, 0.208, 0.294, 0.658)),
        ("EMP-SSL, 20 patches", (0.806, 0.907, 0.931, None), (0.551, 0.678, 0.724, None)),
        ("EMP-SSL, 200 patches", (0.826, 0.915, 0.934, None), (0.577, 0.701, 0.733, None)),
    )
)
SETTINGS: tuple[Row, ...] = (
    {"setting": "patches in training", "value": "20 or 200 of each image, a quarter of its area each, 100 images a step"},
    {"setting": "loss", "value": "total coding rate of each view (squared error 0.2), and 200 times the cosine to the mean"},
    {"setting": "what is averaged and probed", "value": "the output of a linear layer of 4096 with batch norm and ReLU"},
    {"setting": "patches in evaluation", "value": "128 of each image, with all augmentations of training left on"},
    {"setting": "neighbours", "value": "20, cosine, temperature 0.07"},
)
