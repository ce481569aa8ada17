"""Names of arrays in type hints."""

import numpy as np

Array = np.ndarray
