"""Display names of the baselines and lists."""

NAMES = {
    "global_mean": "global mean",
    "user_item_bias": "user + item bias",
    "item_neighbours": "item neighbours",
    "matrix_factorisation": "matrix factorisation",
    "boosted_trees": "boosted trees",
    "model": "this model",
    "folded_in": "this model, as for new users",
    "most_rated": "most rated titles",
    "ials": "implicit ALS",
    "ease": "EASE",
}
