"""Histories: who rated what, not how.

The rows of the user × title matrix of ones, each divided by a power of its number of ratings (the
root in SVD++, Koren 2008), are reduced to principal components. A linear map of these replaces the
sum of learned vectors of the rated titles (or of a title's raters), with far fewer parameters.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from pipeline.arrays import Array
from pipeline.model.shard import Shard
from pipeline.model.workers import Workers

ITERATIONS = 5  # of subspace iteration
MORE = 10  # vectors than wanted: makes those wanted more precise


class Histories(NamedTuple):
    """Histories as principal components, scaled by their singular values.

    Attributes:
        users: histories of a worker's users: float32 [users, components].
        titles: histories of all titles with training ratings: float32 [titles, components].
        basis: right singular vectors; a user's history is their sum over the n rated titles /
            n^power: float32 [titles, components].
    """

    users: Array
    titles: Array
    basis: Array


def histories(shard: Shard, most: int, power: float, seed: int, workers: Workers) -> Histories:
    """Reduce the histories of users, and those of titles, to principal components.

    Args:
        shard: the rows of a worker; only its pairs count, not the ratings.
        most: largest number of components; the matrix may have fewer.
        power: of the number of ratings of a user (or title), by which their row is divided.
        seed: makes the randomised method reproducible.
        workers: the workers, of which each has the rows of its users.
    """
    user, item = shard.listed
    shape = shard.users.size, shard.titles.total
    number = max(min(most, shard.users.total - 1, shape[1] - 1), 0)
    of_user = np.bincount(user, minlength=shape[0])
    of_title = workers.total(np.bincount(item, minlength=shape[1]))
    by_user, by_title = (
        sparse.csr_matrix(((counts[side] ** -power).astype(np.float32), (user, item)), shape=shape)
        for counts, side in ((of_user.astype(float), user), (of_title.astype(float), item))
    )
    basis, _ = right_singular(by_user, number, seed, workers)
    vectors, sizes = right_singular(by_title, number, seed, workers)
    return Histories(by_user @ basis, vectors * sizes, basis)


def right_singular(
    rows: sparse.csr_matrix, number: int, seed: int, workers: Workers
) -> tuple[Array, Array]:
    """Approximate the largest singular values of a matrix, and their right singular vectors.

    Randomised subspace iteration (Halko et al. 2011, algorithm 4.4) on the product of the matrix
    with itself, which is a sum over workers: none needs the rows of another. Between iterations the
    basis need not be orthogonal, and LU takes a quarter of the time (Li et al. 2017, arXiv
    1412.3510).

    Args:
        rows: the rows of one worker: float32 [n, titles].
        number: how many.
        seed: of the first vectors.
        workers: the workers.

    Returns:
        The vectors, float32 [titles, number], and the values, float32 [number].
    """
    titles = rows.shape[1]
    if not number:
        return np.zeros((titles, 0), np.float32), np.zeros(0, np.float32)
    random = np.random.default_rng(seed)
    basis = random.normal(size=(titles, min(number + MORE, titles))).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = linalg.lu(basis, permute_l=True, overwrite_a=True, check_finite=False)
        basis = workers.total(rows.T @ (rows @ basis))
    basis, _ = linalg.qr(basis, mode="economic", overwrite_a=True, check_finite=False)
    image = rows @ basis
    squares, rotation = np.linalg.eigh(workers.total(image.T @ image).astype(np.float64))
    vectors = basis @ rotation[:, ::-1][:, :number].astype(np.float32)
    vectors *= np.where((vectors**3).sum(0) < 0, -1, 1)  # the sign of each is free
    sizes = np.sqrt(np.maximum(squares[::-1][:number], 0))
    return vectors, sizes.astype(np.float32)
