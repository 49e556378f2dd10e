"""One file per figure: ``TABLES`` names the tables it reads, ``rows`` what it shows of them, ``draw`` makes a matplotlib
Figure of that.

The order here is the order of the report. What each is for stands in workflow/figures.yaml.
"""

FIGURES = (
    "overview",
    "regret_curves",
    "growth",
    "iterations",
    "exploration",
    "tracking",
    "generalisation",
    "suites",
    "contrasts",
    "ablations",
    "selected_regret",
    "reasoning",
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
