"""A damaged file is found before anything is answered from it, and the sentence names it."""

import re
import shutil
import zipfile

import numpy as np
import pytest
from helpers.training import train

from pipeline.artifact.folder import model_digest
from pipeline.errors import UserError
from pipeline.files import inputs, replacing, seals
from pipeline.model.checkpoint import Checkpoint, State
from pipeline.predict import main as predict
from pipeline.recommender.recommender import Recommender
from pipeline.sweeps.stage_cache import usable

FILES = (
    "SHA256SUMS", "draws.npz", "intervals.npz", "items.parquet", "lists.json", "network.npz",
    "ratings.arrow", "settings.json", "similar.npz", "titles.parquet", "users.parquet",
    "vocabularies.parquet", "watch.npz", "watched.arrow",
)  # fmt: skip
TABLES = (
    "SHA256SUMS", "items.parquet", "test.parquet", "titles.parquet", "train.parquet",
    "users.parquet", "valid.parquet", "vocabularies.parquet", "watched.parquet",
)  # fmt: skip


def cut(path, _other):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path, _other):
    path.write_bytes(b"")


def flipped(path, _other):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def overwritten(path, _other):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 16] = b"something else.."
    path.write_bytes(content)


def missing(path, _other):
    path.unlink()


def swapped(path, other):
    shutil.copy(other / path.name, path)


DAMAGES = (cut, emptied, flipped, overwritten, missing, swapped)


@pytest.fixture(scope="module")
def others(features, tmp_path_factory):
    """Another model than ``models``, of the same shape."""
    return train(features, tmp_path_factory.mktemp("others"), "train.seed=5")


@pytest.fixture(scope="module")
def sealed(features, models, tmp_path_factory):
    """Sealed copies of a model and of feature tables, each with another of the same kind."""
    folder = tmp_path_factory.mktemp("sealed")
    for name in ("features", "others"):
        with replacing(folder / name) as new:
            for path in features.glob("*.parquet"):
                shutil.copy(path, new)
            if name == "others":  # each table differs, as those of another split do
                for path in new.glob("*.parquet"):
                    path.write_bytes(path.read_bytes() + b"\0")
    return folder


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_nothing_is_answered_from_a_model_with_a_damaged_file(
    models, others, tmp_path, name, damage
):
    folder = tmp_path / "trained"
    shutil.copytree(models, folder)
    before = (folder / name).read_bytes()
    damage(folder / name, others)
    if damage is swapped and (folder / name).read_bytes() == before:
        return  # the two models do not differ in this file
    at_fault = str(folder) if name == seals.SEAL else str(folder / name)
    for load in (Recommender, model_digest):
        with pytest.raises(UserError, match=re.escape(at_fault)) as error:
            load(folder)
        assert "dvc repro" in str(error.value)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", TABLES)
def test_no_stage_starts_from_a_folder_with_a_damaged_file(
    sealed, tmp_path, monkeypatch, name, damage
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sealed / "features", "data/features")
    folder = tmp_path / "data" / "features"
    inputs(folder.relative_to(tmp_path))
    damage(folder / name, sealed / "others")
    at_fault = "data/features" if name == seals.SEAL else f"data/features/{name} "
    with pytest.raises(UserError, match=at_fault) as error:
        inputs(folder.relative_to(tmp_path))
    assert "dvc repro" in str(error.value)


def test_a_file_of_another_model_where_there_was_none_is_found(models, tmp_path):
    folder = tmp_path / "trained"
    shutil.copytree(models, folder)
    (folder / "more.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"more\.npz is not one of the files"):
        Recommender(folder)


def test_a_command_says_it_in_one_sentence_and_leaves_its_file_alone(models, tmp_path, monkeypatch):
    folder, out = tmp_path / "trained", tmp_path / "out.csv"
    shutil.copytree(models, folder)
    (folder / "draws.npz").unlink()
    (tmp_path / "pairs.csv").write_text("user_id,anime_id\n1,1\n")
    out.write_text("as before")
    words = ["predict", tmp_path / "pairs.csv", "--out", out, "--model", folder]
    monkeypatch.setattr("sys.argv", list(map(str, words)))
    with pytest.raises(UserError, match=re.escape(f"{folder / 'draws.npz'} is missing.")):
        predict()
    assert out.read_text() == "as before"


def test_a_model_that_is_replaced_while_it_is_loaded_is_loaded_again(models, others, tmp_path):
    folder, loads = tmp_path / "trained", []
    shutil.copytree(models, folder)

    def load():
        settings = (folder / "network.npz").read_bytes()
        if not loads:  # in the middle of the first time
            with replacing(folder) as new:
                shutil.copytree(others, new, dirs_exist_ok=True)
        loads.append((settings, (folder / "draws.npz").read_bytes()))
        return loads[-1]

    whole = seals.whole(folder, load)
    assert whole == tuple((others / name).read_bytes() for name in ("network.npz", "draws.npz"))
    assert len(loads) == 2


# Checkpoints ------------------------------------------------------------------------------------


def checkpoint(folder, identity="these"):
    """A checkpoint after the second of two steps, each with a draw."""
    import tensorflow as tf

    kept = Checkpoint(folder, identity)
    for step in (1, 2):
        kept.keep(0, step, {"weights": np.arange(100.0) * step})
        kept.save(0, step, State([tf.Variable(np.arange(1000.0) + step)], []))
    return kept.folder


STATE = "state-00-000002-0000-of-0001.npz"
CHECKPOINT_FILES = (STATE, *(f"draw-00-00000{step}-0000-of-0001.npz" for step in (1, 2)))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", CHECKPOINT_FILES)
def test_training_does_not_go_on_from_a_damaged_checkpoint(tmp_path, capsys, name, damage):
    import tensorflow as tf

    variable = tf.Variable(np.zeros(1000))
    folder = checkpoint(tmp_path / "these")
    assert Checkpoint(tmp_path / "these", "these").restore(0, State([variable], []), 9) == 2
    damage(folder / name, checkpoint(tmp_path / "others", "others"))
    again = Checkpoint(tmp_path / "these", "these")
    assert again.restore(0, State([variable], []), 9) == 0
    assert again.kept(0) == []
    said = "is damaged" if (name, damage) != (STATE, missing) else ""
    assert said in capsys.readouterr().out


def test_a_draw_in_the_place_of_another_of_the_same_chain_is_found(tmp_path):
    import tensorflow as tf

    folder = checkpoint(tmp_path)
    shutil.copy(folder / CHECKPOINT_FILES[1], folder / CHECKPOINT_FILES[2])
    assert (
        Checkpoint(tmp_path, "these").restore(0, State([tf.Variable(np.zeros(1000))], []), 9) == 0
    )


def test_every_flipped_byte_of_a_state_is_found_or_changes_nothing(tmp_path):
    import tensorflow as tf

    folder, variable = checkpoint(tmp_path), tf.Variable(np.zeros(1000))
    path, whole = folder / STATE, (folder / STATE).read_bytes()
    places = [i for info in zipfile.ZipFile(path).infolist() for i in (info.header_offset, 0)]
    for place in sorted({*places, *range(0, len(whole), 97)}):
        content = bytearray(whole)
        content[place] ^= 0x10
        path.parent.mkdir(exist_ok=True)
        for draw in CHECKPOINT_FILES[1:]:
            if not (folder / draw).exists():  # the damaged checkpoint was removed
                checkpoint(tmp_path)
        path.write_bytes(content)
        found = Checkpoint(tmp_path, "these")
        if found.restore(0, State([variable], []), 9):
            assert variable.numpy().tolist() == (np.arange(1000.0) + 2).tolist(), place


# The tables of sweeps ---------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_tables_of_sweeps_are_built_again(tmp_path, capsys, damage):
    for name in ("entry", "other"):
        with replacing(tmp_path / name) as new, replacing(new / "data" / "features") as tables:
            (tables / "train.parquet").write_bytes(name.encode() * 100)
    entry = tmp_path / "entry"
    assert usable(entry)
    damage(entry / "data/features/train.parquet", tmp_path / "other" / "data" / "features")
    assert not usable(entry)
    assert not entry.exists()
    assert "train.parquet" in capsys.readouterr().out
