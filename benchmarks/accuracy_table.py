"""The contenders of benchmarks.accuracy, and the table of their results."""

from typing import Any

from benchmarks import readme

OURS, NETWORK = "ours", "network"
OWN = {OURS: "**ours**", NETWORK: "**ours, the network alone** (`posterior=none`)"}
PEERS = {  # module.peer in benchmarks/peers: its name in the table
    "surprise.biases": "user + item bias (Surprise)",
    "lightgbm.trees": "gradient-boosted trees (LightGBM)",
    "surprise.svd": "SVD (Surprise, as it comes)",
    "surprise.svd_tuned": "SVD (Surprise, tuned)",
    "cornac.sgd": "matrix factorisation by SGD (Cornac)",
    "surprise.svdpp": "SVD++ (Surprise)",
    "surprise.neighbours": "item neighbours (Surprise KNNBaseline)",
    "cmfrec.collective": "collective factorisation, genres and implicit (cmfrec)",
    "deepctr.wide_deep": "Wide & Deep (DeepCTR)",
    "smurff.macau": "Macau: Bayesian factorisation with attributes (SMURFF)",
    "myfm.plain": "Bayesian factorisation machine (myfm)",
    "myfm.flipped": "Bayesian SVD++ (myfm)",
    "myfm.flipped_genres": "Bayesian SVD++ with genres and type (myfm)",
    "myfm.probit": "Bayesian SVD++, ordered probit (myfm)",
}


def table(results: dict[str, Any]) -> str:
    """Format the MSEs as a Markdown table, with details for the first data set.

    ≈ marks a peer if the interval of its difference from ours contains 0.
    """
    first, *others = results["datasets"]
    header = [
        "test MSE", first["title"], "ours less it, 95 % interval", "the network less it",
        "users of ≤ 5 ratings",
        "fit", "memory", *(dataset["title"] for dataset in others),
    ]  # fmt: skip
    lines = [header]
    for name, label in (OWN | PEERS).items():
        if name not in first["contenders"]:
            continue
        figures = first["contenders"][name]
        low, high = figures["difference_ci95"]
        apart = "" if name == OURS else f"{figures['difference']:.3f}, {low:.3f} to {high:.3f}"
        of_network = ""
        if name not in OWN and "network_difference" in figures:
            low, high = figures["network_difference_ci95"]
            of_network = f"{figures['network_difference']:.3f}, {low:.3f} to {high:.3f}"
        few = "-" if figures["few_mse"] is None else f"{figures['few_mse']:.3f}"
        lines.append(
            [
                label, mse(figures, name), apart, of_network, few,
                f"{figures['fit_seconds']:.0f} s", f"{figures['peak_gb']:.1f} GB",
                *(mse(dataset["contenders"].get(name), name) for dataset in others),
            ]
        )  # fmt: skip
    floors = [f"{d['noise_floor']:.3f}" if "noise_floor" in d else "" for d in results["datasets"]]
    if any(floors):
        lines.append(["noise floor", floors[0], "", "", "", "", "", *floors[1:]])
    return (
        f"{readme.markdown(lines)}\n\n{first['title']}: {first['n']:,} test ratings, "
        f"{first['few_n']:,} of them by users of ≤ 5. {throughput(first)}"
        f"{readme.machine(results['machine'])}"
    )


def throughput(dataset: dict[str, Any]) -> str:
    """Say how many ratings per second and sweep the contenders with sweeps go through."""
    rates = [
        f"{label} {dataset['n_known'] * figures['sweeps'] / figures['fit_seconds']:,.0f}"
        for name, label in (OWN | PEERS).items()
        if (figures := dataset["contenders"].get(name)) and "sweeps" in figures
    ]
    return f"Ratings per second and sweep: {'; '.join(rates)}. " if rates else ""


def mse(figures: dict[str, Any] | None, name: str) -> str:
    """Format one MSE of the table; a dash for a contender that was left out."""
    if figures is None:
        return "-"
    low, high = figures["difference_ci95"]
    return f"{'≈ ' if name != OURS and low <= 0 <= high else ''}{figures['mse']:.3f}"
