"""The study: the rules both ways, planted truths through the whole measurement, bad input, the page at `smoke`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.decoders.conditions import condition
from analysis.errors import MissingFile, UserError
from analysis.params import resolve
from analysis.results import Results
from analysis.run import preflight
from analysis.studies.rcdm import claims, pages, pages_decoder, pictures, plots, sharing
from analysis.studies.rcdm.changes import OTHER, TRAINED
from analysis.studies.rcdm.contrasts import Contrasts, Key
from analysis.studies.rcdm.manipulation import COMMON, RANDOM
from analysis.studies.rcdm.measure import encoder_rows, measure, tap_rows
from analysis.studies.rcdm.measured import TABLES, Measured
from analysis.studies.rcdm.params import Rcdm
from analysis.studies.rcdm.stage import open_stage
from fake_decoder import NearestDecoder

NAMES = (
    *("simclr:backbone", "simclr:projector", "vicreg:backbone", "vicreg:projector", "simclr:backbone:adagn"),
    *("supervised:backbone", "untrained:backbone", "shuffled", "thumbnail", "label", "null"),
)
PARAMS = Rcdm(encoders=("zoo:simclr",))
KINDS = {"zoo:simclr": "self", "zoo:vicreg": "self", "zoo:supervised": "labels", "zoo:untrained": "none"}


def contrasts(values: dict[Key, float], spread: float = 0.002) -> Contrasts:
    """Key -> value, each with 200 draws around it."""
    rng = np.random.default_rng(0)
    draws = {key: np.concatenate([[v], v + spread * rng.standard_normal(200)]) for key, v in values.items()}
    return Contrasts(draws, [condition(name) for name in NAMES], KINDS, 0.95)


def world(changed: dict[Key, float]) -> dict[Key, float]:
    """What the paper says, in numbers; `changed` keys may leave out the condition: then they hold for all it has."""
    values: dict[Key, float] = {("fd", "real"): 0.5, ("fd", "null"): 4.0, ("fd", "label"): 3.0}
    for encoder in ("simclr", "vicreg"):
        back, head = f"{encoder}:backbone", f"{encoder}:projector"
        values |= {("fd", back): 2.0, ("mrr", back): 0.8, ("distance", back): 0.2, ("mrr of null", back): 0.01}
        values |= {("share", back, change): 0.6 for change in (*TRAINED, *OTHER)}
        values |= {("share", head, change): 0.03 for change in (*TRAINED, *OTHER)}
        values |= {("edit", back, "background", COMMON): 0.7, ("edit", back, "background", RANDOM): 0.2, ("path", back): 0.9}
    values |= {("share", "thumbnail", change): 0.9 for change in (*TRAINED, *OTHER)}
    values |= {("share", "untrained:backbone", change): 0.7 for change in (*TRAINED, *OTHER)}
    for encoder, kind in KINDS.items():
        for way, shift in (("label-free", 0.3), ("probe", 0.2), ("random", 0.02)):
            values["shift", encoder, way, "4"] = shift * (2 if kind == "labels" and way != "random" else 1)
    for key, value in changed.items():
        matching = [known for known in values if known == key or (known[0] == key[0] and set(key[1:]) <= set(known[1:]))]
        assert matching, key
        values |= dict.fromkeys(matching, value)
    return values


def verdicts(changed: dict[Key, float] | None = None, spread: float = 0.002) -> dict[str, str]:
    return {f.id: f.verdict for f in claims.judge(contrasts(world(changed or {}), spread), PARAMS)}


def test_the_rules_agree_with_the_paper_where_everything_is_as_it_says() -> None:
    assert verdicts() == dict.fromkeys(("R1", "R2", "R3", "R4", "R5", "R6"), "supported")


ALL = (*TRAINED, *OTHER)


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("R1", {("fd", "simclr:backbone"): 6.0}),  # further from real images than the better twin
        ("R1", {("fd", "label"): 1.0}),  # the class label is enough
        ("R2", {("mrr", "simclr:backbone"): 0.02, ("mrr", "vicreg:backbone"): 0.02}),
        ("R2", {("mrr of null",): 0.75}),  # any sample would do
        ("R3", {("share", f"{e}:backbone", c): 0.02 for e in ("simclr", "vicreg") for c in TRAINED}),
        ("R4", {("share", f"{e}:projector", c): 0.3 for e in ("simclr", "vicreg") for c in TRAINED}),
        ("R4", {("share", f"{e}:backbone", c): 0.03 for e in ("simclr", "vicreg") for c in OTHER}),  # no more invariant to more
        ("R5", {("shift", "zoo:supervised", "label-free"): 0.3}),
        ("R5", {("shift", "zoo:supervised", "probe"): 0.1}),
        ("R6", {("edit", RANDOM): 0.7}),  # any dimensions do
        ("R6", {("path",): 0.1}),
    ],
)
def test_every_condition_of_a_rule_can_refute_its_claim(claim: str, changed: dict[Key, float]) -> None:
    assert verdicts(changed)[claim] == "not supported"


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("R2", {("distance",): 0.7}),  # ranked well, but no nearer than a stranger
        ("R2", {("mrr", "simclr:backbone"): 0.3, ("mrr", "vicreg:backbone"): 0.3}),  # better than nothing
        ("R3", {("share", f"{e}:projector", c): 0.6 for e in ("simclr", "vicreg") for c in TRAINED}),  # so does the control
        # a decoder that cannot draw a change says nothing of representations
        (
            "R3",
            {("share", f"{e}:backbone", c): 0.02 for e in ("simclr", "vicreg") for c in TRAINED}
            | {("share", "thumbnail", c): 0.1 for c in TRAINED},
        ),
        (
            "R4",
            {("share", f"{e}:backbone", c): 0.03 for e in ("simclr", "vicreg") for c in OTHER}
            | {("share", "thumbnail", c): 0.1 for c in TRAINED},
        ),
        ("R5", {("shift", "zoo:supervised", "random"): 0.08}),  # as much more under random changes: nothing adversarial
    ],
)
def test_what_neither_supports_nor_refutes_is_inconclusive(claim: str, changed: dict[Key, float]) -> None:
    assert verdicts(changed)[claim] == "inconclusive"


def test_wide_intervals_decide_nothing() -> None:
    rng = np.random.default_rng(1)
    draws = {}
    for key, v in world({}).items():
        z = rng.standard_normal(400)  # distances and shifts are positive
        draws[key] = np.concatenate([[v], v * np.exp(3 * z) if key[0] in ("fd", "shift") else v + 8 * z])
    found = claims.judge(Contrasts(draws, [condition(name) for name in NAMES], KINDS, 0.95), PARAMS)
    assert {f.verdict for f in found} == {"inconclusive"}


def test_without_what_it_speaks_of_a_claim_is_not_tested() -> None:
    values = {key: v for key, v in world({}).items() if "zoo:supervised" not in key and key[0] not in ("edit", "fd")}
    found = {f.id: f for f in claims.judge(contrasts(values), PARAMS)}
    assert {name for name, f in found.items() if f.verdict == "not tested"} == {"R1", "R5", "R6"}
    assert all(f.note for f in found.values())


def test_claims_speak_of_conditions_with_the_map_and_not_of_the_shuffled_one() -> None:
    assert contrasts({}).conditions("self", "backbone") == ["simclr:backbone", "vicreg:backbone"]


TINY: dict = {
    **{"encoders": ("zoo:simclr", "zoo:supervised", "zoo:untrained"), "unfamiliar": ("scenes:textures",), "n_bank": 90},
    **{"n_train": 160, "n_images": 20, "n_again": 8, "n_changed": 4, "n_unfamiliar": 4, "n_attacked": 4, "n_shown": 3},
    **{"n_edited": 4, "n_timed": 4, "eps": (4.0,), "steps": 3, "ancestral": (7,), "n_bootstrap": 50},
}


@pytest.fixture(scope="module")
def decoder() -> NearestDecoder:
    return NearestDecoder()


@pytest.fixture(scope="module")
def measured(decoder: NearestDecoder) -> Measured:
    """A whole measurement; beside the decoder of all stands one that knows the backbone of SimCLR, from fewer images."""
    single = NearestDecoder(("simclr:backbone", "null"), 12)
    single.name, single.card = "alone", {"images_seen": 12, "conditions": ["simclr:backbone"]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharing, "load", lambda name, device: single)
        return measure(Rcdm(**TINY, alone=("alone",)), decoder)  # type: ignore[arg-type]


def test_every_table_is_filled_and_every_claim_judged(measured: Measured) -> None:
    assert {name for name, rows in measured.tables.items() if not rows} == set()
    assert set(measured.tables) == set(TABLES)
    kinds = {row["encoder"]: row["supervision"] for row in encoder_rows(TINY["encoders"])}
    found = claims.judge(Contrasts(measured.draws, measured.taps, kinds, 0.95), PARAMS)
    assert not [f.id for f in found if f.verdict == "not tested"]


def test_all_is_drawn_by_the_sampler_of_the_run_at_guidance_1_but_for_the_two_tables_about_them(
    measured: Measured, decoder: NearestDecoder
) -> None:
    asked = set(decoder.asked)
    assert {name for name, _, guidance, _ in asked if guidance != 1} == {"simclr:backbone", "simclr:projector"}
    others = {(steps, sampler) for _, steps, _, sampler in asked if (steps, sampler) != (3, "dpm")}
    assert others == {(1, "dpm"), (3, "heun"), (7, "ancestral")}


def test_a_decoder_that_copies_what_is_nearest_is_found_faithful_and_one_without_condition_is_not(measured: Measured) -> None:
    mrr = {row["condition"]: row["mrr_judge"] for row in measured.tables["conditions"]}
    chance = measured.tables["conditions"][0]["chance"]
    assert mrr["real"] == 1
    assert mrr["simclr:backbone"] > 2 * chance > mrr["null"] * 0.5
    own = {row["condition"]: row for row in measured.tables["conditions"]}
    assert own["simclr:backbone"]["distance"] < 1
    assert own["null"]["mrr"] is None is own["label"]["mrr"]


def test_a_decoder_without_noise_of_its_own_shows_no_spread_and_one_of_noise_alone_shows_it_all(measured: Measured) -> None:
    spread = {(row["condition"], row["factor"]): row["value"] for row in measured.tables["spread"]}
    assert spread["simclr:backbone", "hue"] == pytest.approx(0, abs=1e-6)
    assert spread["null", "hue"] > 0.3
    noise = {row["what"]: row["value"] for row in measured.tables["noise"] if row["condition"] == "simclr:backbone"}
    assert noise["same representation, two noises"] == 0 < noise["two representations, one noise"]


def test_a_decoder_of_one_representation_is_held_against_that_of_many(measured: Measured) -> None:
    rows = {row["space"]: row for row in measured.tables["sharing"]}
    shared = {row["condition"]: row for row in measured.tables["conditions"]}["simclr:backbone"]
    assert (rows["own"]["shared"], rows["held-out"]["shared"]) == (shared["mrr"], shared["mrr_judge"])
    assert (rows["own"]["alone_seen"], rows["own"]["shared_seen"]) == (12, 32)
    for row in rows.values():
        assert row["value"] == pytest.approx(row["shared"] - row["alone"])
        assert row["low"] <= row["value"] <= row["high"]
    assert rows["own"]["value"] > 0  # 12 images to choose from, not 96


def test_a_decoder_of_many_is_not_taken_for_one_of_one(decoder: NearestDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder.name = "all"
    stage = open_stage(Rcdm(**TINY, alone=("all",)), decoder)  # type: ignore[arg-type]
    monkeypatch.setattr(sharing, "load", lambda name, device: decoder)
    with pytest.raises(UserError, match=r"alone: decoder 'all' draws simclr:backbone, .* and nothing else"):
        sharing.alone(stage)


def test_the_supervised_species_is_read_from_its_samples(measured: Measured) -> None:
    skill = {(row["condition"], row["factor"]): row["value"] for row in measured.tables["skill"]}
    assert skill["supervised:backbone", "species"] > 0.4
    assert skill["supervised:backbone", "species"] > skill["shuffled", "species"] + 0.3


def test_pages_and_pictures_are_drawn_from_what_was_measured(measured: Measured) -> None:
    results = Results("rcdm", "x", "smoke", {**Rcdm(**TINY).model_dump()}, dict(measured.tables))
    results.tables |= {"taps": tap_rows(measured.taps), "encoders": encoder_rows(TINY["encoders"])}
    titles = pages.titles(results)
    assert titles["simclr:backbone:adagn"] == "SimCLR backbone, no map"
    for page in (
        pages.conditions_table,
        pages.unfamiliar_table,
        pages.map_table,
        pages.edits_table,
        pages.attacked_table,
        pages_decoder.sharing_table,
    ):
        assert page(results).markdown.count("\n") > 3
    for name in pictures.CAPTIONS:
        drawn = pictures.panel(name, measured.pictures, results.tables, titles.get)
        assert drawn is not None
        assert drawn[1].endswith(".")
        assert "None" not in drawn[1]
        (ax,) = drawn[0].axes
        assert len(ax.get_yticks()) >= 2
        plots.plt.close(drawn[0])


def test_bad_parameters_are_refused_in_one_line(decoder: NearestDecoder) -> None:
    with pytest.raises(UserError, match="cannot draw what 'zoo:moco' keeps: it was trained for zoo:simclr, zoo:supervised"):
        open_stage(Rcdm(**{**TINY, "encoders": ("zoo:moco",)}), decoder)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"n_bank gives 90 images of scenes:objects; it must be more than the 90"):
        open_stage(Rcdm(**{**TINY, "n_images": 90}), decoder)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="n_shown must be at most n_attacked, which is 4, not 5"):
        open_stage(Rcdm(**{**TINY, "n_shown": 5}), decoder)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'sampler' cannot be 'euler'"):
        resolve("rcdm", "default", {"sampler": "euler"})
    with pytest.raises(UserError, match="'decoder' cannot be"):
        resolve("rcdm", "default", {"decoder": "../etc"})


@pytest.mark.parametrize(("given", "ending"), [({"decoder": "no-such"}, "safetensors"), ({"alone": "no-such"}, "safetensors")])
def test_a_decoder_that_is_not_there_is_named_before_any_work(given: dict[str, str], ending: str) -> None:
    params = resolve("rcdm", "default", given)
    with pytest.raises(MissingFile, match=rf"rcdm \(default\) needs .*decoders/no-such.{ending}, which is not there"):
        preflight("rcdm", "default", params)


def test_trainings_are_compared_where_both_measured_ranks() -> None:
    rows = [
        {"decoder": "all", "alone": False, "condition": "a", "step": 5, "seen": 2, "mrr": 0.125},
        {"decoder": "all", "alone": False, "condition": "b", "step": 5, "seen": 2, "mrr": 0.5},
        {"decoder": "a", "alone": True, "condition": "a", "step": 5, "seen": 5, "mrr": 0.25},
        {"decoder": "a", "alone": True, "condition": "a", "step": 9, "seen": 9, "mrr": 0.75},
    ]
    results = Results("rcdm", "x", "smoke", {})
    taps = [{"condition": "a", "title": "A"}]
    results.tables |= {"training": rows, "decoder": [{"ranked": 8, "among": 64}], "taps": taps}
    said = pages_decoder.training_sentence(results).markdown
    assert "A: after 5 steps 0.250 alone, 0.125 shared. By" in said
    assert "0.750 alone" not in said
    assert "alone 0.250 after 5, 0.750 after 9; shared 0.125 after 2" in said
    drawn, words = plots.training(rows, {"a": "A", "b": "B"}.get)
    assert [line.get_label() for line in drawn.axes[0].lines] == ["A", "B", "A, alone"]
    assert "A alone reaches 0.750 after 9" in words
    results.tables["training"] = rows[:2]
    assert "No decoder of one representation" in pages_decoder.training_sentence(results).markdown


@pytest.mark.slow
def test_the_smoke_page_has_every_table_and_every_claim_a_verdict(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("rcdm") / "results.json")
    assert [claim.id for claim in results.claims] == [claim.id for claim in claims.CLAIMS]
    assert {name for name, rows in results.tables.items() if not rows} == set()
    for claim in results.claims:
        assert claim.verdict == "not tested" or claim.low <= claim.high
    assert {figure["file"].removeprefix("figures/").removesuffix(".svg") for figure in results.figures} >= set(
        pictures.CAPTIONS
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_again(smoke_run: Callable[[str], Path], build: Path) -> None:
    from analysis.run import run

    again = run("rcdm", "smoke", name="again")
    first, second = (Results.load(folder / "results.json") for folder in (smoke_run("rcdm"), again))
    assert [dataclasses.asdict(claim) for claim in first.claims] == [dataclasses.asdict(claim) for claim in second.claims]
    assert first.tables == second.tables
