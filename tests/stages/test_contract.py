"""The columns of the stages' files, and their types."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

TRAJECTORIES = {
    "trajectory_id": "string",
    "scenario_id": "string",
    "episode_seed": "uint64",
    "task": "string",
    "arms": "int32",
    "horizon": "int32",
    "actions": "list<element: int32>",
    "policies": "list<element: list<element: double>>",
    "rewards": "list<element: double>",
    "reward_vectors": "list<element: list<element: double>>",
    "mean_rewards": "list<element: list<element: double>>",
    "parse_status": "list<element: string>",
    "messages": "string",
    "chat_tokens": "list<element: int32>",
    "token_ids": "list<element: int32>",
    "loss_mask": "list<element: int8>",
    "status": "string",
    "tokens_prompt": "int32",
    "tokens_sampled": "int32",
}
REGRET = {
    "trajectory_id": "string",
    "scenario_id": "string",
    "regret": "double",
    "information_regret": "double",
    "reward": "double",
    "curve": "list<element: double>",
    "lucky": "bool",
    "diversity": "double",
    "eligible": "bool",
}
EVALUATION = {
    "suite": "string",
    "episode": "int32",
    "scenario_id": "string",
    "regret": "double",
    "information_regret": "double",
    "reward": "double",
    "curve": "list<element: double>",
    "suff_fail": "bool",
    "suff_fail_curve": "list<element: bool>",
    "min_frac": "double",
    "greedy_frac": "double",
    "coverage": "double",
    "entropy": "double",
    "policy_entropy": "double",
    "lucky": "bool",
    "variation": "double",
    "parse_failures": "int32",
    "renormalised": "int32",
    "tokens_prompt": "int32",
    "tokens_sampled": "int32",
}
CONTRACT = {
    "0/trajectories.parquet": (TRAJECTORIES, 32),
    "1/heldout.parquet": (TRAJECTORIES | {"suite": "string"}, 16),
    "0/regret.parquet": (REGRET, 32),
    "1/evaluation.parquet": (EVALUATION, 16),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_files_have_the_contracts_columns(cell: Path, name: str) -> None:
    expected, rows = CONTRACT[name]
    read = pq.read_table(cell / name)
    assert {field.name: str(field.type) for field in read.schema} == expected
    assert read.num_rows == rows
    assert all(column.null_count == 0 for column in read.columns)
