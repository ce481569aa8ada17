"""The tables of benchmarks.lists in docs/benchmarks.md."""

from typing import Any

from benchmarks import readme

ORDERS = {
    "model": "**ours**",
    "rating": "by predicted rating",
    "most_rated": "most rated",
    "user_item_bias": "user + item bias",
    "item_neighbours": "item neighbours (implicit)",
    "ials": "iALS (implicit)",
    "ease": "EASE",
}
PARTS = {
    "chance": "the chance to watch alone (15)",
    "gain": "the chance times the expected gain (16)",
}
WATCHED = {
    "plain": "not known",
    "leaving_out": "not known, but left out of lists",
    "model": "known",
}
FIGURES = ("recall@10", "mean rating of hits", "coverage", "novelty")


def table(results: dict[str, Any]) -> str:
    """Format all figures as three tables, with what they are of."""
    lists, watched = results["lists"], results["watched"]
    power, rarity = results["join"].values()
    whole = f"the whole: chance · gain{raised(power)} / raters{raised(rarity)} (17)"
    mse = watched["mse"]
    low, high = mse["difference_ci95"]
    return "\n\n".join(
        [
            ranked("order of the catalogue", "ours", lists, ORDERS),
            f"Lists of {results['users']:,} users, who liked at least one of their test titles. "
            "Novelty is in bits: 1 more is known to half as many. Without its parts, the model's "
            "order is:",
            ranked("order", "the whole", lists, PARTS | {"model": whole}),
            f"What does it bring to know {watched['rows']:,} titles that {watched['users']:,} of "
            "the users watched and did not rate? None of them is in the test, so it helps not to "
            "list them, whatever else they say; the second row does that alone.",
            ranked("titles watched without a rating", "known", watched["lists"], WATCHED),
            f"Test MSE {mse['told']:.4f} with them, {mse['plain']:.4f} without (difference "
            f"{mse['difference']:+.4f}, {low:+.4f} to {high:+.4f}).",
            held(results["interval"]) + " " + readme.machine(results["machine"]),
        ]
    )


def raised(power: float) -> str:
    """Format an exponent; nothing for 1."""
    return "" if power == 1 else f"<sup>{power:g}</sup>"


def ranked(title: str, best: str, lists: dict[str, Any], names: dict[str, str]) -> str:
    """Format the figures of some lists as a table.

    Args:
        title: of the first column.
        best: what the order is called that the others are compared with.
        lists: what ``catalogue.measure`` returns.
        names: the orders in the table, and what they are called.
    """
    lines = [[title, "NDCG@10, 95 % interval", f"{best} less it", *FIGURES]]
    for name, label in names.items():
        own = lists[name]
        low, high = own["ci95"]["ndcg"]
        less = ""
        if "difference" in own:
            less = "{:+.3f}, {:+.3f} to {:+.3f}".format(own["difference"], *own["difference_ci95"])
        lines.append(
            [
                label, f"{own['ndcg']:.3f}, {low:.3f} to {high:.3f}", less, f"{own['recall']:.3f}",
                f"{own['hits']:.2f}", f"{own['coverage']:.1%}", f"{own['novelty']:.1f}",
            ]
        )  # fmt: skip
    return readme.markdown(lines)


def held(interval: dict[str, Any]) -> str:
    """Say how many ratings are in their intervals, and in which segments fewest and most."""
    low, high = interval["held_ci95"]
    ends = [
        "from {lowest} to {highest}".format(
            **{end: segment(interval[of][end]) for end in ("lowest", "highest")}
        )
        for of in ("segments", "ratings")
    ]
    number = interval["segments"]["number"]
    return (
        f"The intervals hold {interval['held']:.1%} of the test ratings ({low:.1%} to {high:.1%}) "
        f"and are {interval['width']:.2f} points wide on average. Of {number} segments "
        f"of users and titles with at least 500 ratings they hold {ends[0]}; by the "
        f"rating itself, which is not known before, {ends[1]}."
    )


def segment(found: dict[str, Any]) -> str:
    """Name a segment, with its share of ratings held."""
    return f"{found['held']:.1%} ({found['by']}: {found['segment']}, n = {found['n']:,})"
