"""Ridge regression of each column of a sparse matrix on all others, in closed form.

It is behind the crosses of who watches what, and behind EASE as a rival (Steck 2019,
arXiv 1905.03375). The matrix of all pairs of columns is dense and exists once: its inverse takes
its place.
"""

from typing import Any

import numpy as np
from scipy.linalg.lapack import spotrf, spotri

from pipeline.arrays import Array

BLOCK = 512  # rows at a time: bounds memory


def gram(matrix: Any) -> Array:
    """Return the products of all pairs of columns: float32 [n, n].

    Args:
        matrix: sparse float32 [m, n], in SciPy's CSR format.
    """
    columns, size = matrix.tocsc(), matrix.shape[1]
    products = np.empty((size, size), np.float32)
    for start in range(0, size, BLOCK):
        products[start : start + BLOCK] = (columns[:, start : start + BLOCK].T @ matrix).toarray()
    return products


def ridge_inverse(products: Array, l2: float) -> Array:
    """Return the inverse of the products plus ``l2`` on the diagonal: float32 [n, n].

    Column i of it, divided by minus its diagonal entry, has the weights of the other columns in the
    regression of column i.

    Args:
        products: what ``gram`` returns; it is overwritten.
        l2: ridge penalty, above 0.
    """
    products[np.diag_indices(len(products))] += l2
    # Symmetric, so its transpose is the same matrix in the column order that LAPACK overwrites.
    factor, failed = spotrf(products.T, lower=1, overwrite_a=1)
    assert not failed, "a ridge penalty makes the matrix positive definite"
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), BLOCK):  # LAPACK computes the lower triangle alone
        block, later = slice(start, start + BLOCK), slice(start + BLOCK, None)
        inverse[block, later] = inverse[later, block].T
        corner = np.tril(inverse[block, block])
        inverse[block, block] = corner + np.tril(corner, -1).T
    return inverse.T
