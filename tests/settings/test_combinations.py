"""Every choice of every group in conf/ goes with every other, or a sentence says what does not."""

from itertools import combinations, product

import pytest
import yaml
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import check
from pipeline.errors import UserError
from pipeline.paths import ROOT
from pipeline.settings.overrides import parsed

FREE = ("experiment", "sweep")  # groups that may be left out
CHOICES = {
    folder.name: [None] * (folder.name in FREE)
    + sorted(file.stem for file in folder.glob("*.yaml"))
    for folder in sorted((ROOT / "conf").iterdir())
    if folder.is_dir()
}


def space(sweep):
    """What conf/sweep/NAME.yaml sets in a job, by key: the first value of each."""
    content = yaml.safe_load((ROOT / "conf" / "sweep" / f"{sweep}.yaml").read_text())
    found = {}
    for key, values in content["hydra"]["sweeper"]["params"].items():
        [override] = parsed([f"{key}={values}"])
        if override.is_discrete_sweep():
            found[key] = next(iter(override.sweep_string_iterator()))
        else:
            found[key] = override.value().start if override.is_sweep_override() else values
    return found


def overrides(chosen):
    """The overrides of a job with these choices; what the user chooses wins over the sweep."""
    words = {group: name for group, name in chosen.items() if name}
    if words.get("dataset") not in (None, "synthetic"):
        words["dataset.path"] = "some/folder"
    job = (space(words["sweep"]) if "sweep" in words else {}) | words
    return [f"{key}={value}" for key, value in job.items()]


def sound(words):
    """The settings that overrides compose to; None if a sentence names one of them as wrong."""
    try:
        return check(OmegaConf.create(compose(words)))
    except UserError as error:
        keys = [word.partition("=")[0] for word in words]
        if not any(key in str(error) for key in keys):
            raise
        return None


def fits(chosen):
    """Compose and check a choice of each group; what the user chose is what comes out."""
    config = sound(overrides(chosen))
    if config and chosen.get("posterior") == "none":
        assert config.posterior is None
    if config and chosen.get("model") in ("wide", "deep", "wide_deep"):
        assert config.model.name == chosen["model"]
    return config is not None


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), list(combinations(CHOICES, 2)))
def test_every_pair_of_choices_composes_and_is_sound_or_is_refused(one, other):
    for pair in product(CHOICES[one], CHOICES[other]):
        fits(dict(zip((one, other), pair, strict=True)))


@pytest.mark.parametrize("sweep", CHOICES["sweep"])
def test_every_experiment_goes_with_every_posterior_and_every_sweep(sweep):
    names = ("experiment", "posterior", "sweep")
    for chosen in product(CHOICES["experiment"], CHOICES["posterior"], [sweep]):
        refused = sweep == "posterior" and chosen[1] == "none"  # it sets values of the posterior
        assert fits(dict(zip(names, chosen, strict=True))) != refused


@pytest.mark.parametrize("experiment", [name for name in CHOICES["experiment"] if name])
@pytest.mark.parametrize("word", ["posterior=none", "~posterior"])
def test_an_experiment_without_posterior_has_its_other_settings(experiment, word):
    plain = check(OmegaConf.create(compose([f"experiment={experiment}"])))
    for order in (1, -1):
        given = [f"experiment={experiment}", word][::order]
        config = check(OmegaConf.create(compose(given)))
        assert config.posterior is None
        config.posterior = plain.posterior
        assert config == plain


def test_values_of_an_experiment_do_not_bring_a_posterior_back(tmp_path):
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\nposterior:\n  sweeps: 33\ntrain:\n  epochs: 4\n"
    (tmp_path / "experiment" / "long.yaml").write_text(text)
    for words, sweeps in (([], 33), (["posterior=quick"], 33), (["posterior.sweeps=20"], 20)):
        settings = OmegaConf.create(compose(["experiment=long", *words], tmp_path))
        assert (settings.posterior.sweeps, settings.train.epochs) == (sweeps, 4)
    for word in ("posterior=none", "~posterior"):
        settings = OmegaConf.create(compose(["experiment=long", word], tmp_path))
        assert (settings.posterior, settings.train.epochs) == (None, 4)
