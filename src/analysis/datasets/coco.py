"""COCO (Lin et al., ECCV 2014) with panoptic labels (Kirillov et al., CVPR 2019): everyday scenes, every pixel labelled.

Accepted under the data root: the folder `coco/` with the official `{train2017,val2017}/*.jpg`,
`annotations/panoptic_{train2017,val2017}.json` and `annotations/panoptic_{train2017,val2017}/*.png`; or `coco.zip`,
`coco-200-semantic.zip` or the folder `coco/` with `{train2017,val2017}/{images,labels}/`, the labels as grey PNG files of
category ids. The split `test` is `val2017`, since the official test labels are not public.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map, read_rgb
from analysis.datasets.source import Masks, Sample, Source, Table
from analysis.errors import UserError

# The official ids, with gaps; those up to 91 are things (countable objects), the others stuff (sky, grass, walls).
_NAMES = """
1:person 2:bicycle 3:car 4:motorcycle 5:airplane 6:bus 7:train 8:truck 9:boat 10:traffic_light 11:fire_hydrant 13:stop_sign
14:parking_meter 15:bench 16:bird 17:cat 18:dog 19:horse 20:sheep 21:cow 22:elephant 23:bear 24:zebra 25:giraffe 27:backpack
28:umbrella 31:handbag 32:tie 33:suitcase 34:frisbee 35:skis 36:snowboard 37:sports_ball 38:kite 39:baseball_bat
40:baseball_glove 41:skateboard 42:surfboard 43:tennis_racket 44:bottle 46:wine_glass 47:cup 48:fork 49:knife 50:spoon
51:bowl 52:banana 53:apple 54:sandwich 55:orange 56:broccoli 57:carrot 58:hot_dog 59:pizza 60:donut 61:cake 62:chair
63:couch 64:potted_plant 65:bed 67:dining_table 70:toilet 72:tv 73:laptop 74:mouse 75:remote 76:keyboard 77:cell_phone
78:microwave 79:oven 80:toaster 81:sink 82:refrigerator 84:book 85:clock 86:vase 87:scissors 88:teddy_bear 89:hair_drier
90:toothbrush 92:banner 93:blanket 95:bridge 100:cardboard 107:counter 109:curtain 112:door-stuff 118:floor-wood 119:flower
122:fruit 125:gravel 128:house 130:light 133:mirror-stuff 138:net 141:pillow 144:platform 145:playingfield 147:railroad
148:river 149:road 151:roof 154:sand 155:sea 156:shelf 159:snow 161:stairs 166:tent 168:towel 171:wall-brick 175:wall-stone
176:wall-tile 177:wall-wood 178:water-other 180:window-blind 181:window-other 184:tree-merged 185:fence-merged
186:ceiling-merged 187:sky-other-merged 188:cabinet-merged 189:table-merged 190:floor-other-merged 191:pavement-merged
192:mountain-merged 193:grass-merged 194:dirt-merged 195:paper-merged 196:food-other-merged 197:building-other-merged
198:rock-merged 199:wall-other-merged 200:rug-merged
"""
CATEGORIES = {int(number): name.replace("_", " ") for number, name in (pair.split(":") for pair in _NAMES.split())}
LAST_THING = 91
VOID = 255
FOLDERS = {"train": "train2017", "test": "val2017"}
_INDEX = np.full(256, VOID, np.uint8)
_INDEX[list(CATEGORIES)] = np.arange(len(CATEGORIES))


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are 0: the set labels pixels, not images; the 133 classes of pixels are in the order of their ids."""
    (root,) = folders
    images, labels = root / FOLDERS[split] / "images", root / FOLDERS[split] / "labels"
    read: Callable[[Sample], np.ndarray] = _grey
    if not images.is_dir():
        images, labels = root / FOLDERS[split], root / "annotations" / f"panoptic_{FOLDERS[split]}"
        read = _Panoptic(labels.with_suffix(".json"))
    samples = [Sample(path.stem, path, 0, labels / f"{path.stem}.png") for path in list_pictures(images)]
    return Table(samples, tuple(CATEGORIES.values()), masks=lambda sample: _masks(read(sample)))


def _masks(ids: np.ndarray) -> Masks:
    """`semantic`: index of the class, 255 none; `foreground`: the pixels of things."""
    return {"foreground": (ids > 0) & (ids <= LAST_THING), "semantic": _INDEX[ids]}


def _grey(sample: Sample) -> np.ndarray:
    assert sample.mask is not None
    return read_map(sample.mask)


class _Panoptic:
    """Category ids (height, width) of the official maps, whose colours are numbers of segments."""

    def __init__(self, file: Path) -> None:
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))["annotations"]
            self.segments = {row["file_name"]: {one["id"]: one["category_id"] for one in row["segments_info"]} for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} is not a file of COCO's panoptic labels ({type(error).__name__}: {error})") from None

    def __call__(self, sample: Sample) -> np.ndarray:
        """The number of a segment is red + 256 green + 65,536 blue; 0 is no segment."""
        assert sample.mask is not None
        numbers, where = np.unique(np.asarray(read_rgb(sample.mask), np.int64) @ (1, 256, 65_536), return_inverse=True)
        segments = self.segments.get(sample.mask.name, {})
        return np.array([segments.get(number, 0) for number in numbers.tolist()])[where]


SOURCE = Source(
    name="coco",
    title="COCO, panoptic",
    terms="annotations CC BY 4.0; each photograph under its own licence on Flickr, many of them non-commercial",
    source="https://cocodataset.org (2017 images and panoptic labels)",
    images=123_287,
    parts=(Part(folders=("coco",), archives=("coco.zip", "coco-200-semantic.zip"), marker="val2017"),),
    table=_table,
    splits=("train", "test"),
)
