"""Columns of the CSV tables: all of those whose rule has SHA256SUMS say nothing of them; and which columns hold words."""

CELL = ["model", "task", "method", "seed", "iteration"]
ROW = ["model", "task", "kind", "method", "label", "seed", "iteration", "suite"]  # what a row of a table is about
MEASURED = [*ROW, "measure"]
_POINT = ["space", "d", "T", "s", "covariance", "seed"]
_RUN = ["space", "d", "T", "policy", "seed"]


def bounded(*names: str) -> list[str]:
    """Columns of values and of the ends of their intervals."""
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]


PROBE = ["history", "kind", "prompt", "averages", "reply", "best_named", "right", "trap"]
_ALIGNMENT = [*bounded("aligned", "numeric_error"), "explores", "exploits", "knows", *bounded("acts", "change_aligned")]
_ALL = [*bounded("aligned_all", "change_aligned_all"), "p_change_aligned_all"]
# Of each table of the theorem: what a row is of, then what was found.
THEORY = {
    "theorem": (
        _POINT,
        ["eta_learnt", "eta_closed_form", "relative_error", "off_structure", "c_error", "drift", "bend"],
    ),
    "theorem_training": ([*_POINT, "step"], ["loss", "relative_error"]),
    "theorem_matrices": ([*_POINT, "i", "j"], ["learnt", "closed_form"]),
    "theorem_regret": (
        _POINT,
        [*bounded("learnt", "ftrl", "learnt_unprojected", "difference"), "outside", "distance", "episodes"],
    ),
    "theorem_limit": (
        ["space", "d", "T", "noise", "exponent", "L", "k", "seed"],
        ["relative_error", "cosine", "eta_ratio"],
    ),
    "theorem_policies": (_RUN, ["to_ftrl", "to_foresight", "loss", *bounded("regret", "difference")]),
    "theorem_distances": ([*_RUN, "step"], ["to_ftrl", "to_foresight"]),
}
COLUMNS = {
    "growth": [
        *[*MEASURED, "episodes", *bounded("beta"), "p_reg", "p_trend", *bounded("change")],
        *["p_change", "p_sublinear"],
    ],
    "reasoning": [*ROW, "episodes", "steps", "stated", *_ALIGNMENT, "p_change_aligned", *_ALL],
    "probes": [*CELL, *PROBE],
    "signatures": [*CELL, "signature", "value", "bound", "flagged", "said"],
    "tracking": [*ROW, "episodes", "clock", "step", *bounded("best", "former")],
} | {name: [*keys, *values] for name, (keys, values) in THEORY.items()}
# What names a row, of tables where no other may have the same.
KEYS = {name: keys for name, (keys, _) in THEORY.items()} | {
    "growth": MEASURED,
    "reasoning": ROW,
    "signatures": [*CELL, "signature"],
    "tracking": [*ROW, "clock", "step"],
}
OF_POLICIES = ("probes", "reasoning", "signatures")  # no baseline: every row has an iteration
BOOLS = {"right", "flagged"}
_NAMES = ["talk", "alike", "stage", "split", "unit", "metric", "against", "baseline", "statistic", "clock", "signature"]
_THEORY = ["space", "covariance", "noise", "policy"]
WORDS = {*ROW, "measure", *PROBE, *BOOLS, *_NAMES, *_THEORY, "said", "told"} - {"iteration"}
WORDS |= {"scenario_id", "trajectory_id"}
