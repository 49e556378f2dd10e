"""What models learnt: their reading of histories, and their losses."""

import pandas as pd

from rmft.core.statistics import wilson
from rmft.models import seals
from rmft.stages.experiment import cell
from rmft.stages.results import Reader, broken, read_json


def reading(reader: Reader) -> pd.DataFrame:
    """The reading test of every model that has one, with Wilson's intervals."""
    shares = ["best_empirical", "best_true"]
    columns = ["task", "steps_seen", "told", *shares, "chance", "n"]
    frames = [pd.DataFrame(columns=["model", *columns])]
    for model in reader.selection.models:
        path = reader.results / "models" / model / "reading.csv"
        if path.is_file():
            seals.check(path)
            try:
                table = pd.read_csv(path)
            except ValueError as error:
                raise broken(path, f"cannot be read ({error})") from None
            if absent := [c for c in columns if c not in table]:
                raise broken(path, f"lacks the column {absent[0]}")
            frames.append(table[columns].assign(model=model)[["model", *columns]])
    table = pd.concat(frames[1:] or frames, ignore_index=True)
    for share in shares:
        table[f"{share}_low"], table[f"{share}_high"] = wilson(table[share].to_numpy(float), table["n"].to_numpy(float))
    return table


def learning_curves(reader: Reader) -> pd.DataFrame:
    """Losses: of pretraining against tokens, of every SFT against epochs; one row per point and split."""
    rows = []
    for model in reader.selection.models:
        path = reader.results / "models" / model / "pretrain.json"
        if path.is_file():
            for point in read_json(path, "curve")["curve"]:
                where = {"stage": "pretrain", "model": model, "split": "train"}
                rows.append({**where, "unit": "tokens", "x": point["tokens"], "loss": point["loss"]})
    trained = [(run, t) for run in reader.runs() for t in range(1, run.iterations + 1)]
    for run, t in trained:
        stage = "sft" if run.kind == "policy" else "sft of numbers"
        where = {"stage": stage, "unit": "epochs", **reader.columns(run), "seed": run.seed, "iteration": t}
        path = cell(reader.results, run.model, run.task, run.method, run.seed, t) / "sft.json"
        for point in read_json(path, "curve")["curve"]:
            for split in ("train", "validation"):
                if point.get(f"{split}_loss") is not None:
                    rows.append({**where, "split": split, "x": point["epoch"], "loss": point[f"{split}_loss"]})
    columns = ["stage", "model", "task", "method", "label", "seed", "iteration", "split", "unit", "x", "loss"]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64", "iteration": "Int64"})
