"""Small archives in the layouts of Kaggle and MovieLens, and the settings of their sources."""

import hashlib
import io
import random
import zipfile

from pipeline.settings.sections import Watch
from pipeline.sources import kaggle, movielens
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

WATCH = Watch("", "")
FILES = {
    name: random.Random(name).randbytes(3 << 20)
    for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV)
}
ML_1M = {
    name: text.encode("latin-1")
    for name, text in {
        "movies.dat": "1::Toy Story (1995)::Animation|Children's|Comedy\n"
        "2::Les Misérables (1995)::Drama\n3::Untitled::Drama\n",
        "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
        "ratings.dat": "1::1::5::978300760\n1::2::3::978302109\n2::3::4::978301968\n",
    }.items()
}


def zipped(files, folder):
    """The bytes of a zip archive with the files in ``folder``."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
    return memory.getvalue()


ML_ZIP = zipped(ML_1M | {"README": random.Random(0).randbytes(1 << 16)}, "ml-1m/")


def mal_2023(path=None):
    digests = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in FILES.items()}
    return kaggle.Settings("kaggle", 1, 10, WATCH, path and str(path), "owner/name", 1, digests)


def movielens_1m(path=None, url="", split=None):
    digest = f"md5:{hashlib.md5(ML_ZIP, usedforsecurity=False).hexdigest()}"
    path = path and str(path)  # None stays None
    return movielens.Settings("movielens", 1, 5, WATCH, path, url, digest, split)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}
