"""What models learnt: their reading of histories, and their losses."""

from math import isinf
from pathlib import Path

import pandas as pd

from rmft.core.statistics import wilson
from rmft.stages.experiment import cell
from rmft.stages.files import broken
from rmft.stages.results import Reader, read_json
from rmft.stages.table_files import check_numbers, read_csv


def reading(reader: Reader) -> pd.DataFrame:
    """The reading test of every model that has one, with Wilson's intervals."""
    shares = ["best_empirical", "best_true"]
    columns = ["task", "steps_seen", "told", *shares, "chance", "n"]
    frames = [pd.DataFrame(columns=["model", *columns])]
    for model in reader.selection.models:
        path = reader.results / "models" / model / "reading.csv"
        if path.is_file():
            table = read_csv(path)
            if absent := [c for c in columns if c not in table]:
                raise broken(path, f"lacks the column {absent[0]}")
            check_numbers(table[columns], path, declared=True, complete=True)
            frames.append(table[columns].assign(model=model)[["model", *columns]])
    table = pd.concat(frames[1:] or frames, ignore_index=True)
    for share in shares:
        table[f"{share}_low"], table[f"{share}_high"] = wilson(table[share].to_numpy(float), table["n"].to_numpy(float))
    return table


def _points(path: Path, at: str, *losses: str) -> list[dict]:
    """The points of a file's learning curve: where each is (``at``), and its losses, which may be None. Raises ValueError,
    naming the point, where one is no number."""
    points = read_json(path, curve=list)["curve"]
    for i, point in enumerate(points):
        if not isinstance(point, dict):
            raise broken(path, f"curve, point {i}: is {point!r}")
        for key in (at, *losses):
            value = point.get(key)
            if (type(value) not in (int, float) or isinf(value)) and (key == at or value is not None):
                raise broken(path, f"curve, point {i}: {key}: is {value!r}")
    return points


def learning_curves(reader: Reader) -> pd.DataFrame:
    """Losses: of pretraining against tokens, of every SFT against epochs; one row per point and split."""
    rows = []
    for model in reader.selection.models:
        path = reader.results / "models" / model / "pretrain.json"
        if path.is_file():
            for point in _points(path, "tokens", "loss"):
                where = {"stage": "pretrain", "model": model, "split": "train"}
                rows.append({**where, "unit": "tokens", "x": point["tokens"], "loss": point.get("loss")})
    trained = [(run, t) for run in reader.runs() for t in range(1, run.iterations + 1)]
    for run, t in trained:
        stage = "sft" if run.kind == "policy" else "sft of numbers"
        where = {"stage": stage, "unit": "epochs", **reader.columns(run), "seed": run.seed, "iteration": t}
        path = cell(reader.results, run.model, run.task, run.method, run.seed, t) / "sft.json"
        for point in _points(path, "epoch", "train_loss", "validation_loss"):
            for split in ("train", "validation"):
                if point.get(f"{split}_loss") is not None:
                    rows.append({**where, "split": split, "x": point["epoch"], "loss": point[f"{split}_loss"]})
    columns = ["stage", "model", "task", "method", "label", "seed", "iteration", "split", "unit", "x", "loss"]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64", "iteration": "Int64"})
