"""Small trained models, loaded."""

import pytest
from helpers.training import train

from pipeline.recommender.recommender import Recommender


@pytest.fixture(scope="session")
def recommender(models):
    return Recommender(models)


@pytest.fixture(scope="session")
def without_draws(features, tmp_path_factory):
    longer = ["posterior=none", "train.epochs=60", "train.learning_rate=0.05"]
    return Recommender(train(features, tmp_path_factory.mktemp("network"), *longer))
