"""One file per figure: ``TABLES`` names the tables it reads, ``draw`` makes a matplotlib Figure of them.

The order here is the order of the report.
"""

FIGURES = (
    "regret_curves",
    "iterations",
    "exploration",
    "suites",
    "contrasts",
    "selected_regret",
    "reading",
    "learning_curves",
    "numbers",
    "numbers_generalise",
    "calibration",
    "theorem_matrices",
    "theorem_training",
    "theorem_limit",
    "theorem_policies",
)
