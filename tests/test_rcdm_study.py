"""The study: the rules both ways, planted truths through the whole measurement, bad input, the page at `smoke`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis import paths
from analysis.decoders.conditions import condition
from analysis.encoders.facts import above_untrained, facts
from analysis.errors import MissingFile, UserError
from analysis.params import resolve
from analysis.results import Results
from analysis.rules import judge
from analysis.run import preflight
from analysis.studies.base import encoder_rows
from analysis.studies.rcdm import pages, pages_decoder, pictures, plots
from analysis.studies.rcdm.changes import OTHER, TRAINED
from analysis.studies.rcdm.claims import CLAIMS
from analysis.studies.rcdm.evidence import CHANCE, FREE, PROBE, evidence
from analysis.studies.rcdm.manipulation import COMMON, COMPOSITE, RANDOM, TRUE
from analysis.studies.rcdm.measure import measure
from analysis.studies.rcdm.measured import AVERAGED, BLURRED, LABEL, NULL, PIXELS, REAL, THUMBNAIL, Key, Measured
from analysis.studies.rcdm.params import Rcdm
from analysis.studies.rcdm.stage import open_stage, variant
from analysis.verdict_prose import HEADS
from fake_decoder import NearestDecoder

OURS = ("simclr", "vicreg", "byol")
NAMES = (
    *(f"{name}:{tap}" for name in OURS for tap in ("backbone", "projector")),
    *("simclr:backbone:adagn", "supervised:backbone", "untrained:backbone", "shuffled", "thumbnail", "label", "null"),
)
ALL = (*TRAINED, *OTHER)
LABELLED = ("zoo:supervised", "zoo:supervised-patch", "zoo:supervised-vit")
UNLABELLED = (*(f"zoo:{name}" for name in OURS), "zoo:simclr-patch")
IDS = ("R1", "R2", "R3", "R4", "R5", "R6")


@pytest.fixture(autouse=True)
def _every_encoder_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted numbers do not wait for the zoo's own."""
    monkeypatch.setattr("analysis.studies.rcdm.evidence.not_learned", lambda names: {})


def world(changed: dict[Key, float]) -> dict[Key, float]:
    """What the paper says, in numbers; `changed` keys may leave out words: then they hold for all that have the others."""
    values: dict[Key, float] = {("kid", REAL): 0.0, ("kid", NULL): 0.05, ("kid", LABEL): 0.03, ("kid", BLURRED): 1.0}
    for name in OURS:
        back, head = f"{name}:backbone", f"{name}:projector"
        values |= {("kid", back): 0.02, ("mrr", back): 0.8, ("distance", back): 0.2}
        values |= {("mrr of null", back): 0.01, ("distance of null", back): 1.0}
        for change in ALL:
            values |= {("share", back, change): 0.6, ("moved", back, change): 0.4}
            values |= {("share", head, change): 0.03, ("moved", head, change): 0.05}
            values |= {(q, back + AVERAGED, change): 0.0 for q in ("share", "moved")}
        values |= {("edit", back, COMMON): 0.6, ("edit", back, RANDOM): 0.2, ("edit", back, COMPOSITE): 0.8}
        values |= {("path", back): 0.9, ("path shuffled", back): 0.0}
    values |= {("mrr", THUMBNAIL): 1.0, ("distance", THUMBNAIL): 0.05, ("mrr", "untrained:backbone"): 0.3}
    values |= {("edit", REAL, TRUE): 0.9, ("path", THUMBNAIL): 0.95}
    values |= {("share", THUMBNAIL, change): 0.9 for change in ALL} | {("moved", THUMBNAIL, change): 0.5 for change in ALL}
    values |= {(q, "untrained:backbone", change): 0.5 for q in ("share", "moved") for change in ALL}
    for encoder in (*LABELLED, *UNLABELLED):
        for way, shift in ((FREE, 0.3), (PROBE, 0.2), (CHANCE, 0.02)):
            values["shift", encoder, way, "4"] = shift * (3 if encoder in LABELLED and way != CHANCE else 1)
    values |= {("shift", PIXELS, way, "4"): 0.005 for way in (FREE, PROBE, CHANCE)}
    for key, value in changed.items():
        matching = [known for known in values if known == key or (known[0] == key[0] and set(key[1:]) <= set(known[1:]))]
        assert matching, key
        values |= dict.fromkeys(matching, value)
    return values


def planted(values: dict[Key, float], spread: float = 0.003) -> Measured:
    """Key -> value, each with 200 draws within `spread` of it; encoders differ by as much."""
    rng = np.random.default_rng(0)
    measured = Measured(0, 200, taps=tuple(condition(name) for name in NAMES))
    for key, value in values.items():
        own = value * (1 + (0.1 * spread * rng.standard_normal() if key[-1] not in (REAL, NULL) else 0))
        measured.draws[key] = own * (1 + spread * np.concatenate([[0], rng.standard_normal(200)]))
    return measured


def findings(changed: dict[Key, float] | None = None, spread: float = 0.003) -> dict:
    found = evidence(planted(world(changed or {}), spread))
    return {claim.id: judge(claim, found[claim.id]) for claim in CLAIMS}


def test_the_rules_agree_with_the_paper_where_everything_is_as_it_says() -> None:
    assert {name: found.verdict for name, found in findings().items()} == dict.fromkeys(IDS, "supported")


def of(tap: str, quantity: str, kinds: tuple[str, ...], value: float) -> dict[Key, float]:
    return {(quantity, f"{name}:{tap}", change): value for name in OURS for change in kinds}


def backbones(quantity: str, value: float, *words: str) -> dict[Key, float]:
    return {(quantity, f"{name}:backbone", *words): value for name in OURS}


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("R1", backbones("kid", 0.4)),  # halfway back to thumbnails
        ("R1", backbones("kid", 0.095) | {("kid", LABEL): 0.001}),  # the class label does better
        ("R2", backbones("mrr", 0.32)),
        ("R2", backbones("distance", 0.7)),  # ranked well, but hardly nearer than a stranger
        ("R2", {("mrr", "untrained:backbone"): 0.82}),  # any network keeps as much
        ("R3", of("backbone", "share", TRAINED, 0.02)),
        ("R3", of("backbone", "moved", TRAINED, 0.02)),  # samples change, the representation does not
        ("R3", of("backbone", "moved", TRAINED, 0.11)),  # training took nearly all of it away
        ("R4", of("projector", "share", TRAINED, 0.3)),
        ("R4", of("projector", "share", OTHER, 0.6)),  # invariant to the training's only
        ("R4", of("projector", "moved", ALL, 0.4)),  # samples hide what the projector keeps
        ("R5", {("shift", name, FREE): 0.3 for name in LABELLED}),
        ("R5", {("shift", name, PROBE): 0.1 for name in LABELLED}),
        ("R5", {("shift", name, CHANCE): 0.2 for name in LABELLED}),  # moved as much more by anything
        ("R6", {("edit", RANDOM): 0.6}),  # any dimensions do
        ("R6", backbones("path", 0.1)),
    ],
)
def test_every_condition_of_a_rule_can_refute_its_claim(claim: str, changed: dict[Key, float]) -> None:
    assert findings(changed)[claim].verdict == "not supported"


def test_without_a_faithful_decoder_nothing_is_said_from_samples_and_the_reason_tells_the_ranks() -> None:
    found = findings(backbones("mrr", 0.2))
    assert found["R2"].verdict == "not supported"
    for claim in ("R1", "R3", "R4", "R6"):
        assert found[claim].verdict == "not testable here"
        assert "faithful" in found[claim].reason
        assert "SimCLR 0.20" in found[claim].reason
        assert found[claim].conditions, "what was measured is shown all the same"
    assert found["R5"].verdict == "supported"


def test_one_faithful_encoder_is_no_evidence_about_encoders() -> None:
    found = findings({("mrr", "byol:backbone"): 0.1, ("mrr", "vicreg:backbone"): 0.1})
    for claim in ("R1", "R3", "R4", "R6"):
        assert found[claim].verdict == "not testable here"
        assert "one backbone only, SimCLR, where a sentence about encoders needs two" in found[claim].reason


def test_claims_from_samples_speak_of_the_encoders_that_the_decoder_is_faithful_to() -> None:
    found = findings({("mrr", "byol:backbone"): 0.1, ("share", "byol:backbone"): 0.0})
    assert found["R3"].verdict == "supported"
    assert (
        dict(zip(IDS, (e.n for e in evidence(planted(world({("mrr", "byol:backbone"): 0.1}))).values()), strict=True))["R3"]
        == 2
    )


@pytest.mark.parametrize(
    ("claim", "changed", "by"),
    [
        ("R3", of("backbone", "moved", TRAINED, 0.02), "direct"),
        ("R3", of("backbone", "moved", TRAINED, 0.11), "kept"),
        ("R4", of("projector", "moved", ALL, 0.5), "direct"),
    ],
)
def test_what_representations_themselves_refute_needs_no_decoder(claim: str, changed: dict[Key, float], by: str) -> None:
    found = findings(changed | backbones("mrr", 0.2))[claim]
    assert (found.verdict, found.decided_by) == ("not supported", by)


@pytest.mark.parametrize(
    ("claim", "changed", "reason"),
    [
        ("R1", {("kid", REAL): 0.5}, "positive control"),  # this distance does not know real images from thumbnails
        ("R3", {("moved", THUMBNAIL): 0.01}, "positive control"),
        ("R6", backbones("edit", 0.3, COMPOSITE), "true composites succeed in 30%"),
        ("R5", {("shift", PIXELS): 0.9}, "positive control"),
    ],
)
def test_an_instrument_that_cannot_say_yes_says_nothing(claim: str, changed: dict[Key, float], reason: str) -> None:
    found = findings(changed)[claim]
    assert found.verdict == "not testable here"
    assert reason in found.reason


def test_a_decoder_trained_with_other_weights_is_no_evidence() -> None:
    measured = planted(world({}))
    measured.stale = {"zoo:simclr": "the decoder was trained with other weights of SimCLR"}
    found = evidence(measured)
    for claim in CLAIMS:
        verdict = judge(claim, found[claim.id]).verdict
        assert verdict == ("supported" if claim.id == "R5" else "not testable here")


def test_the_old_rule_of_realism_supports_any_distance_at_which_the_twins_are_as_bad_and_the_new_one_does_not() -> None:
    bad = backbones("kid", 0.9) | {("kid", NULL): 0.9, ("kid", LABEL): 0.9}
    assert bad["kid", "simclr:backbone"] / bad["kid", NULL] < 1.1  # all that was asked
    assert findings(bad)["R1"].verdict == "not supported"


def test_a_single_encoder_of_each_kind_says_nothing_of_methods() -> None:
    values = {key: v for key, v in world({}).items() if key[0] != "shift" or key[1] in ("zoo:simclr", "zoo:supervised", PIXELS)}
    found = evidence(planted(values))
    assert "two encoders of each kind" in judge(CLAIMS[4], found["R5"]).reason


def test_robustness_is_compared_within_like_networks_however_far_apart_two_kinds_are() -> None:
    """Networks of another kind are moved a hundred times as far, trained with labels or without."""
    values, others = world({}), {"conv4:sup_Conv4_baseline_aug": 3, "conv4:umtra_miniimagenet_1query_5bs": 1}
    for name, times in others.items():
        for way, shift in ((FREE, 30.0), (PROBE, 20.0), (CHANCE, 0.02)):
            values["shift", name, way, "4"] = shift * (times if way != CHANCE else 1)
    found = judge(CLAIMS[4], evidence(planted(values))["R5"])
    assert found.verdict == "supported"
    assert found.n == 2 + len(UNLABELLED) + 2, "the supervised transformer has no partner of its kind"
    alone = {key: v for key, v in values.items() if key[1] != "conv4:umtra_miniimagenet_1query_5bs"}
    assert judge(CLAIMS[4], evidence(planted(alone))["R5"]).n == 2 + len(UNLABELLED)


def test_networks_trained_on_patches_stand_beside_their_kind() -> None:
    """They are moved a hundred times as far, with labels or without."""
    values = world({})
    for name, times in (("zoo:supervised-patch", 3), ("zoo:simclr-patch", 1), ("zoo:vicreg-patch", 1)):
        for way, shift in ((FREE, 30.0), (PROBE, 20.0), (CHANCE, 0.02)):
            values["shift", name, way, "4"] = shift * (times if way != CHANCE else 1)
    found = judge(CLAIMS[4], evidence(planted(values))["R5"])
    assert found.verdict == "supported"
    assert found.n == 1 + len(OURS) + 3
    alone = {key: value for key, value in values.items() if key[1] not in ("zoo:simclr-patch", "zoo:vicreg-patch")}
    assert "two encoders of each kind" in judge(CLAIMS[4], evidence(planted(alone))["R5"]).reason


def test_photographs_do_not_tell_object_and_background() -> None:
    found = evidence(planted({key: v for key, v in world({}).items() if key[0] not in ("edit", "path")}))
    assert "only Scenes" in judge(CLAIMS[5], found["R6"]).reason


def test_claims_speak_of_conditions_with_the_map_and_not_of_the_shuffled_one() -> None:
    assert planted({}).conditions("self", "backbone") == [f"{name}:backbone" for name in OURS]


def test_a_variant_of_scenes_changes_one_option_only() -> None:
    assert variant("scenes:objects", "light", 0) == "scenes:objects?light=0"
    assert variant("scenes:objects?clutter=2&light=1", "light", 0) == "scenes:objects?clutter=2&light=0"


TINY: dict = {
    **{
        "encoders": ("zoo:simclr", "zoo:supervised", "zoo:untrained"),
        "compared": ("zoo:supervised-patch", "zoo:simclr-patch", "zoo:byol"),
        "unfamiliar": ("scenes:textures",),
        "n_bank": 90,
    },
    **{"n_train": 160, "n_images": 20, "n_again": 8, "n_changed": 4, "n_unfamiliar": 4, "n_attacked": 4, "n_shown": 3},
    **{"n_edited": 4, "n_timed": 4, "eps": (4.0,), "steps": 3, "ancestral": (7,), "n_bootstrap": 50},
}


@pytest.fixture(scope="module")
def decoder() -> NearestDecoder:
    return NearestDecoder()


@pytest.fixture(scope="module")
def measured(decoder: NearestDecoder) -> Measured:
    """A whole measurement."""
    return measure(Rcdm(**TINY), decoder)  # type: ignore[arg-type]


def test_every_table_is_filled_and_every_claim_has_its_evidence(measured: Measured) -> None:
    assert {name for name, rows in measured.tables.items() if not rows} == {"training"}
    found = evidence(measured)
    assert set(found) == set(IDS)
    for claim in CLAIMS:
        sides = found[claim.id].own, found[claim.id].negative, found[claim.id].positive
        assert all(set(side) == {c.name for c in claim.rule.conditions} for side in sides), claim.id


def test_the_average_over_changes_is_invariant_to_them_in_samples_and_directly(measured: Measured) -> None:
    for change in TRAINED:
        assert measured.draws["share", "simclr:backbone" + AVERAGED, change][0] == 0
        assert measured.draws["moved", "simclr:backbone" + AVERAGED, change][0] == 0


def test_encoders_that_are_not_drawn_count_in_what_is_measured_directly(measured: Measured) -> None:
    found = evidence(measured)
    assert {claim: (found[claim].n, found[claim].counts["direct"]) for claim in ("R3", "R4")} == {"R3": (1, 3), "R4": (1, 3)}
    assert set(found["R3"].withheld) == {"samples"}
    names = ("simclr", "zoo:byol", "zoo:simclr-patch")
    moved = [np.mean([measured.draws["moved", f"{name}:backbone", c][0] for c in TRAINED]) for name in names]
    assert found["R3"].own["direct"].value == pytest.approx(np.mean(moved))
    rows = {row["title"]: row for row in pages.compared_rows(Results("rcdm", "x", "smoke", {}, dict(measured.tables)))}
    assert set(rows) == {"SimCLR", "SimCLR, patches", "BYOL", "supervised", "supervised, patches", "untrained"}
    assert rows["BYOL"]["backbone, trained"] == pytest.approx(moved[1])


def test_real_images_are_nearer_to_real_images_than_thumbnails_are(measured: Measured) -> None:
    assert measured.draws["kid", REAL][0] < 0.3 * measured.draws["kid", BLURRED][0]


def test_pixels_are_moved_by_attacks_as_far_as_by_random_changes(measured: Measured) -> None:
    free, chance = (measured.draws["shift", PIXELS, way, "4"][0] for way in (FREE, CHANCE))
    assert free == pytest.approx(chance, rel=0.05)
    assert free < measured.draws["shift", "zoo:supervised", FREE, "4"][0]


def test_all_is_drawn_by_the_sampler_and_guidance_of_the_run_but_for_the_two_tables_about_them(
    measured: Measured, decoder: NearestDecoder
) -> None:
    asked = set(decoder.asked)
    assert {guidance for _, _, guidance, _ in asked} == {1.0, 2.0, 3.0}
    assert {name for name, _, guidance, _ in asked if guidance != 2} == {"simclr:backbone", "simclr:projector", "thumbnail"}
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


def test_the_supervised_species_is_read_from_its_samples(measured: Measured) -> None:
    skill = {(row["condition"], row["factor"]): row["value"] for row in measured.tables["skill"]}
    assert skill["supervised:backbone", "species"] > 0.4
    assert skill["supervised:backbone", "species"] > skill["shuffled", "species"] + 0.3


def test_pages_and_pictures_are_drawn_from_what_was_measured(measured: Measured) -> None:
    results = Results("rcdm", "x", "smoke", {**Rcdm(**TINY).model_dump()}, dict(measured.tables))
    results.tables |= {"encoders": encoder_rows(TINY["encoders"])}
    found = evidence(measured)
    results.claims = [judge(claim, found[claim.id]) for claim in CLAIMS]
    titles = pages.titles(results)
    assert titles["simclr:backbone:adagn"] == "SimCLR backbone, no map"
    for page in (pages.conditions_table, pages.unfamiliar_table, pages.edits_table, pages.attacked_table, pages.compared_table):
        assert page(results).markdown.count("\n") > 3
    for name in pictures.CAPTIONS:
        drawn = pictures.panel(name, measured.pictures, results.tables, titles.get)
        assert drawn is not None
        assert drawn[1].endswith(".")
        assert "None" not in drawn[1]
        (ax,) = drawn[0].axes
        assert len(ax.get_yticks()) >= 2
        plots.plt.close(drawn[0])
    plots.plt.close(plots.attacks(results.tables["attacks"])[0])
    for finding in results.claims:
        told = (f"({finding.id})", f"**{finding.id}** ")
        (paragraph,) = [part for part in pages.finding(results).markdown.split("\n\n") if any(name in part for name in told)]
        assert paragraph.startswith(f"**{HEADS[finding.verdict]}.**")


def test_the_caption_of_quality_says_the_numbers_of_its_table(measured: Measured) -> None:
    results = Results("rcdm", "x", "smoke", {}, dict(measured.tables))
    rows = [row for row in measured.tables["conditions"] if row["part"] == "backbone"]
    words = pages.quality_caption(results)
    assert "held-out space" in words
    for key, form in (("kid", ".3f"), ("mrr_judge", ".2f")):
        for edge in (min, max):
            assert format(edge(row[key] for row in rows), form).replace("-", "−") in words


def test_bad_parameters_are_refused_in_one_line(decoder: NearestDecoder) -> None:
    with pytest.raises(UserError, match="cannot draw what 'zoo:moco' keeps: it was trained for zoo:simclr, zoo:supervised"):
        open_stage(Rcdm(**{**TINY, "encoders": ("zoo:moco",), "judge": "zoo:swav"}), decoder)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"n_images \(90\) must be less than n_bank \(90\)"):
        resolve("rcdm", "default", {**TINY, "n_images": 90})
    with pytest.raises(UserError, match="n_shown"):
        resolve("rcdm", "default", {**TINY, "n_shown": 5})
    with pytest.raises(UserError, match="n_edited"):
        resolve("rcdm", "default", {**TINY, "n_edited": 21})
    with pytest.raises(UserError, match="'sampler' cannot be 'euler'"):
        resolve("rcdm", "default", {"sampler": "euler"})
    with pytest.raises(UserError, match="'attacked' is called 'compared' now"):
        resolve("rcdm", "default", {"attacked": ("zoo:byol",)})
    with pytest.raises(UserError, match="'decoder' cannot be"):
        resolve("rcdm", "default", {"decoder": "../etc"})


@pytest.mark.parametrize(("given", "ending"), [({"decoder": "no-such"}, "json"), ({"histories": "no-such"}, "json")])
def test_a_decoder_that_is_not_there_is_named_before_any_work(given: dict[str, str], ending: str) -> None:
    params = resolve("rcdm", "default", given)
    with pytest.raises(MissingFile, match=rf"rcdm \(default\) needs .*decoders/no-such.{ending}, which is not there"):
        preflight("rcdm", "default", params)


def test_the_steps_of_a_decoder_that_went_on_are_told_for_all_its_trainings() -> None:
    decoder = {"name": "x", "parameters": 2e6, "images_seen": 60, "steps": 6, "start": "the weights of decoder x"}
    ranks = [{"decoder": "x", "step": 9}, {"decoder": "x", "step": 15}, {"decoder": "other", "step": 99}]
    for rows, ends in (
        (ranks, "decoder x, and took 15 steps in all its trainings."),
        ([], "decoder x."),
        (ranks[2:], "decoder x."),
    ):
        said = pages_decoder.decoder_sentence(
            Results("rcdm", "x", "smoke", {}, {"decoder": [decoder], "training": rows})
        ).markdown
        assert "60 images in 6 steps" in said
        assert said.endswith(ends)


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
    assert [claim.id for claim in results.claims] == list(IDS)
    assert {name for name, rows in results.tables.items() if not rows} == set()
    assert all(claim.verdict == "not testable here" or claim.conditions for claim in results.claims)
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


def test_the_page_says_at_which_guidance_samples_come_nearest_and_not_that_it_is_that_of_the_run() -> None:
    rows = [{"condition": "thumbnail", "guidance": g, "distance": d} for g, d in ((1.0, 0.3), (2.0, 0.2), (3.0, 0.1))]
    tables = {"guidance": rows, "taps": [{"condition": "thumbnail", "title": "8 × 8 thumbnail"}]}
    words = pages.guidance_sentence(Results("rcdm", "x", "smoke", {"guidance": 2.0}, tables)).markdown
    assert "drawn at guidance 2." in words
    assert words.endswith("8 × 8 thumbnail at 3.")


@pytest.mark.parametrize(("preset", "ending"), [("default", ""), ("real", "-imagenette")])
def test_every_network_that_has_learnt_is_compared_and_none_that_has_not(preset: str, ending: str) -> None:
    """On photographs the ResNets only: no transformer was trained with labels there, beside which others could stand."""
    names = [f"zoo:{path.stem}" for path in paths.ZOO.glob("*.json") if path.stem.endswith("-imagenette") == bool(ending)]
    names = [name for name in names if not ending or facts(name).family == "resnet"]
    learned = {name for name in names if facts(name).objective == "none" or above_untrained(name)}
    params = resolve("rcdm", preset, {})
    present = {name for name in (*params.encoders, *params.compared, params.judge) if name.startswith("zoo:")}
    assert present == learned - {"zoo:untrained-vit"}
