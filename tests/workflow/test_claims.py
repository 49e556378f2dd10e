"""Claims in the workflow: stated in one file, and what was not run comes with a command that runs it."""

import re
import shlex
from pathlib import Path

import pytest

from rmft.stages.claim_cells import Experiment, cells, command, experiment_from_json
from rmft.stages.claims import read_claims

CLAIMS = read_claims(Path(__file__).parents[2] / "workflow/claims.yaml")
CELLS = "results/cells"
ADDED = {  # claim, model, task: what its command must add to the plan, and keep in it
    ("C8", "tiny-worlds", "mab-gaussian"): ["tiny-worlds/mab-gaussian", "tiny-worlds/mab-summary", "tiny/mab-gaussian"],
    ("C9", "tiny", "mab-gaussian"): [
        "tiny/mab-gaussian/rmft-answers",
        "tiny/mab-gaussian/reward-k",
        "transformer/numbers-mab",
    ],
    ("C5", "softmax-attention", "numbers-fol-three"): ["softmax-attention/numbers-fol-three/rmft", "tiny/ns-abrupt"],
}


@pytest.fixture(scope="module")
def experiment(finished) -> Experiment:
    """What the rule tells the stage of the laptop's selection."""
    said = finished.snakemake("--dry-run", "--printshellcmds", "--force", "--", "results/claims.json").stdout
    line = re.search(r"-m rmft\.stages\.claims .*", said)[0]
    words = shlex.split(line)
    return experiment_from_json(words[words.index("--experiment") + 1])


def test_every_model_of_the_config_has_its_cells(experiment):
    for key, claim in CLAIMS.items():
        assert list(cells(claim, experiment)), key
    of = {key: {(cell.model, cell.task) for cell in cells(claim, experiment)} for key, claim in CLAIMS.items()}
    assert ("tiny-online", "fol-gaussian") in of["C1"] and ("tiny", "fol-gaussian") not in of["C1"]
    assert {model for model, _ in of["C4"]} == {"transformer", "softmax-attention"}
    assert ("transformer", "numbers-fol-bernoulli") in of["C4"]  # of config.yaml, not of the laptop
    assert ("tiny-worlds", "mab-gaussian") in of["C8"] and ("tiny", "mab-gaussian") not in of[
        "C8"
    ]  # it reads no summaries


@pytest.mark.parametrize("where", ADDED, ids=lambda where: where[0])
def test_the_command_of_what_was_not_run_runs_it(experiment, copied, where):
    key, model, task = where
    cell = next(cell for cell in cells(CLAIMS[key], experiment) if (cell.model, cell.task) == (model, task))
    words = shlex.split(command(CLAIMS[key], cell, experiment))
    assert words[0] == "snakemake"
    done = copied.snakemake("--dry-run", *words[1:])
    assert done.returncode == 0, done.stderr
    for folder in ADDED[where]:
        assert f"{CELLS}/{folder}/" in done.stdout, folder
