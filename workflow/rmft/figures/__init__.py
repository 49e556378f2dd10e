"""One file per figure: ``TABLES`` names the tables it reads, ``draw`` makes a matplotlib Figure of them.

The order here is the order of the report.
"""

FIGURES = (
    "regret_curves",
    "iterations",
    "exploration",
    "selected_regret",
    "reading",
    "learning_curves",
    "calibration",
)
