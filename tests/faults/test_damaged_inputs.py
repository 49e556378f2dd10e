"""Whatever file a stage cannot use, it says so in one line and leaves what was there before alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Damage = Callable[[Path], object]


def column(name: str, change: Callable[[list], pa.Array]) -> Damage:
    """Replace a column of a parquet file."""

    def damage(path: Path) -> None:
        table = pq.read_table(path)
        place = table.column_names.index(name)
        changed = change(table[name].to_pylist())
        pq.write_table(table.set_column(place, name, pa.array(changed, table.schema.field(name).type)), path)

    return damage


def retyped(name: str, kind: pa.DataType) -> Damage:
    def damage(path: Path) -> None:
        table = pq.read_table(path)
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array([None] * table.num_rows, kind)), path)

    return damage


OF_A_TABLE: dict[str, Damage] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "its end cut off": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "text": lambda path: path.write_text("not a table\n" * 100),
    "no rows": lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
OF_TRAJECTORIES: dict[str, Damage] = {
    "no actions": lambda path: pq.write_table(pq.read_table(path).drop_columns("actions"), path),
    "actions of text": retyped("actions", pa.string()),
    "ragged actions": column("actions", lambda rows: [rows[0][:-1], *rows[1:]]),
    "actions missing": column("actions", lambda rows: [None, *rows[1:]]),
    "an action missing": column("actions", lambda rows: [[None, *rows[0][1:]], *rows[1:]]),
    "an arm that is none": column("actions", lambda rows: [[7, *rows[0][1:]], *rows[1:]]),
    "a negative arm": column("actions", lambda rows: [[-2, *rows[0][1:]], *rows[1:]]),
    "rewards not numbers": column("rewards", lambda rows: [[float("nan"), *rows[0][1:]], *rows[1:]]),
    "fewer rewards": column("rewards", lambda rows: [row[:-1] for row in rows]),
    "mean rewards missing": column("mean_rewards", lambda rows: [None, *rows[1:]]),
    "mean rewards of another task": column("mean_rewards", lambda rows: [[means[0][:2]] for means in rows]),
    "policies of some alone": column("policies", lambda rows: [[[0.2, 0.3, 0.5]] * 6, *rows[1:]]),
    "policies of two arms": column("policies", lambda rows: [[[0.5, 0.5]] * 6] * len(rows)),
    "reward vectors of one step": column("reward_vectors", lambda rows: [[[0.1, 0.2, 0.3]]] * len(rows)),
    "reward vectors not numbers": column("reward_vectors", lambda rows: [[[0.1, None, 0.3]] * 6] * len(rows)),
}
OF_CONVERSATIONS: dict[str, Damage] = {
    "lengths missing": column("chat_tokens", lambda rows: [None] * len(rows)),
    "no lengths": column("chat_tokens", lambda rows: [[]] * len(rows)),
    "other lengths": column("chat_tokens", lambda rows: [[sizes[0] - 1] for sizes in rows]),
    "fewer tokens": column("token_ids", lambda rows: [row[:-1] for row in rows]),
    "a shorter mask": column("loss_mask", lambda rows: [row[:-1] for row in rows]),
    "no tokens": column("token_ids", lambda rows: [None] * len(rows)),
}
READERS = [("score", "0/trajectories.parquet"), ("select", "0/trajectories.parquet"), ("evaluate", "1/heldout.parquet")]


@pytest.mark.parametrize("damage", OF_A_TABLE)
@pytest.mark.parametrize(
    ("program", "name"), [*READERS, ("select", "0/regret.parquet"), ("sft", "0/trajectories.parquet")]
)
def test_a_damaged_table_is_named(refused: Callable, spoilt: Path, program: str, name: str, damage: str) -> None:
    OF_A_TABLE[damage](spoilt / name)
    assert name in refused(program)


@pytest.mark.parametrize("damage", OF_TRAJECTORIES)
@pytest.mark.parametrize(("program", "name"), READERS)
def test_damaged_trajectories_are_named(refused: Callable, spoilt: Path, program: str, name: str, damage: str) -> None:
    OF_TRAJECTORIES[damage](spoilt / name)
    assert name in refused(program)


@pytest.mark.parametrize("damage", OF_CONVERSATIONS)
def test_damaged_conversations_are_not_learnt(refused: Callable, spoilt: Path, damage: str) -> None:
    OF_CONVERSATIONS[damage](spoilt / "0/trajectories.parquet")
    assert "0/trajectories.parquet" in refused("sft")


def replace_text(old: str, new: str) -> Damage:
    return lambda path: path.write_text(path.read_text().replace(old, new))


OF_TEXT: dict[str, Damage] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_text(""),
    "half": lambda path: path.write_text(path.read_text()[: path.stat().st_size // 2]),
    "bytes": lambda path: path.write_bytes(b"\x93NUMPY\xff\xfe"),
    "another thing": lambda path: path.write_text('{"a": 1}\n'),
    "a list": lambda path: path.write_text("[1]\n"),
}


@pytest.mark.parametrize("damage", OF_TEXT)
@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("base_policy", "models/tiny/pretrain.json"),
        ("rollout", "0/policy.json"),
        ("sft", "0/policy.json"),
        ("sft", "0/selected.jsonl"),
    ],
)
def test_a_damaged_text_is_named(refused: Callable, spoilt: Path, program: str, name: str, damage: str) -> None:
    OF_TEXT[damage](spoilt / name)
    assert name in refused(program)


@pytest.mark.parametrize("damage", [*OF_TEXT, "not yaml", "a key too many"])
def test_a_damaged_context_is_named(refused: Callable, spoilt: Path, wording: dict, damage: str) -> None:
    more = {
        "not yaml": lambda path: path.write_text("a: [1,\nb: }"),
        "a key too many": lambda path: path.write_text(json.dumps(wording | {"colour": "red"})),
    }
    (spoilt / "words").mkdir()
    (spoilt / "words/buttons.yaml").write_text(json.dumps(wording))
    (OF_TEXT | more)[damage](spoilt / "words/buttons.yaml")
    assert "words/buttons.yaml" in refused("rollout", contexts="words")


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
)
@pytest.mark.parametrize("damage", ["gone", "empty", "half"])
def test_a_damaged_model_is_named(refused: Callable, spoilt: Path, name: str, damage: str) -> None:
    path = spoilt / "models/tiny" / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if damage == "half" else 0])
    assert "models/tiny" in refused("rollout")


def test_weights_of_another_training_are_refused(refused: Callable, spoilt: Path) -> None:
    shutil.copy(spoilt / "1/model/model.safetensors", spoilt / "models/tiny/model.safetensors")
    for program in ("base_policy", "rollout", "sft"):
        assert "models/tiny" in refused(program)


def test_regrets_of_other_trajectories_are_refused(refused: Callable, spoilt: Path) -> None:
    pq.write_table(pq.read_table(spoilt / "0/regret.parquet").slice(1), spoilt / "0/regret.parquet")
    assert "0/regret.parquet" in refused("select")


def test_a_selection_from_other_trajectories_is_refused(refused: Callable, spoilt: Path) -> None:
    replace_text("train-0-0", "train-9-9")(spoilt / "0/selected.jsonl")
    assert "0/selected.jsonl" in refused("sft")


def test_nothing_eligible_is_refused(refused: Callable, spoilt: Path) -> None:
    column("eligible", lambda rows: [False] * len(rows))(spoilt / "0/regret.parquet")
    assert "0/regret.parquet: no trajectory is eligible" in refused("select")


SUITES = {"longer": {"horizon_times": 2}}


def test_a_suite_that_was_not_played_is_named(refused: Callable) -> None:
    assert "1/heldout.parquet: holds no episode of the suite longer" in refused("evaluate", suites=SUITES)


def test_a_suite_that_was_played_on_another_task_is_named(refused: Callable, spoilt: Path) -> None:
    """Rows under the name of a suite whose changes are others than those of --suites."""
    column("suite", lambda rows: ["longer" if i >= len(rows) // 2 else row for i, row in enumerate(rows)])(
        spoilt / "1/heldout.parquet"
    )
    assert "1/heldout.parquet: was not rolled out on the task" in refused("evaluate", suites=SUITES)


def test_a_score_that_the_task_has_not_is_refused(refused: Callable, spoilt: Path) -> None:
    """Information regret is NaN where no posterior is known."""
    column("information_regret", lambda rows: [float("nan")] * len(rows))(spoilt / "0/regret.parquet")
    assert "NaN" in refused("select")


@pytest.mark.parametrize("program", ["score", "evaluate", "base_policy"])
def test_as_programs_they_end_with_status_1_and_one_line(
    spoilt: Path, program: str, command: Callable[..., list[str]], stage_process: Callable
) -> None:
    for name in ("0/trajectories.parquet", "1/heldout.parquet", "models/tiny/pretrain.json"):
        (spoilt / name).write_bytes(b"damaged")
    argv = command(program)
    flags = {
        flag.removeprefix("--").replace("-", "_"): value for flag, value in zip(argv[::2], argv[1::2], strict=True)
    }
    process = stage_process(program, spoilt, **flags)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert len(stderr.splitlines()) == 1
    assert stderr.startswith(f"{program}: ")
