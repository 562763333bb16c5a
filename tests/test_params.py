"""Wrong parameters are refused in one line that says what is right."""

import json
import subprocess
import sys

import pytest

from analysis import paths
from analysis.errors import UserError
from analysis.params import PRESETS, STUDIES, describe, resolve


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_of_every_study_is_valid_and_described(study: str, preset: str) -> None:
    values = resolve(study, preset).model_dump()
    rows = {row["name"]: row for row in describe(study)}
    assert set(rows) == set(values)
    assert all(row["meaning"] and row["type"] for row in rows.values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("maskin_cka", "default", {}), "did you mean 'masking_cka'"),
        (("masking_cka", "smok", {}), "did you mean 'smoke'"),
        (("masking_cka", "default", {"n_bootstraps": 10}), "did you mean 'n_bootstrap'"),
        (("masking_cka", "default", {"n": "many"}), "'n' cannot be 'many': it takes int, >= 8"),
        (("masking_cka", "default", {"n": 2.5}), "'n' cannot be 2.5"),
        (("masking_cka", "default", {"n": 3}), ">= 8"),
        (("masking_cka", "default", {"fills": "white"}), "mean | black | blur"),
        (("masking_cka", "default", {"fractions": [0.5, 1.5]}), "> 0 and < 1"),
        (("rcdm", "default", {"eps": ["much"]}), "it takes list of numbers"),
        (("masking_cka", "default", {"encoders": []}), "'encoders' cannot be"),
        (("masking_cka", "default", {"encoders": ["zoo:mae", "zoo:mae"]}), "without repeats"),
        (("masking_cka", "default", {"seed": -1}), ">= 0"),
        (("masking_cka", "default", {"device": "gpu"}), "auto | cpu | cuda"),
        (("masking_cka", "default", {"n": None}), "'n' cannot be None"),
    ],
)
def test_a_wrong_parameter_gets_one_line_that_names_it_and_what_is_allowed(arguments: tuple, says: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(*arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_may_be_written_with_commas_or_as_one_value() -> None:
    assert resolve("masking_cka", "default", {"encoders": "zoo:mae, zoo:dino"}).encoders == ("zoo:mae", "zoo:dino")
    assert resolve("masking_cka", "default", {"fractions": 0.5}).fractions == (0.5,)


def test_parameters_cannot_be_changed_after_they_were_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        resolve("masking_cka", "smoke").seed = 3


@pytest.mark.parametrize("study", ["qscore", "bagssl"])
def test_training_anew_makes_as_many_seeds_as_are_stored(study: str) -> None:
    stored = json.loads((paths.ROOT / f"data/tuning/{study}.json").read_text(encoding="utf-8"))
    assert resolve(study, "default", {}).model_dump()["seeds"] == len({row["seed"] for row in stored["rows"]})


def test_what_was_trained_again_is_read_too_and_checked_before_a_run() -> None:
    params = resolve("masking_cka", "smoke", {"again": "zoo:supervised-seed1,zoo:mae"})
    assert params.reads["encoders"] == (*params.encoders, "zoo:supervised-seed1")  # MAE is there once already


def test_a_study_may_be_the_first_that_a_process_imports() -> None:
    """The registry imports the studies' parameters, and studies import the package of the registry."""
    first = "analysis.studies.local_vit.params"
    done = subprocess.run([sys.executable, "-c", f"import {first}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
