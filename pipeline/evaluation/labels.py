"""Display names of the baselines and lists."""

NAMES = {
    "global_mean": "global mean",
    "user_item_bias": "user + item bias",
    "item_neighbours": "item neighbours",
    "matrix_factorisation": "matrix factorisation",
    "boosted_trees": "boosted trees",
    "model": "this model",
    "most_rated": "most rated titles",
}
