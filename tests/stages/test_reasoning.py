"""reason and probe as programs: on a real cell, and on what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmft.core.alignment import COUNTS
from rmft.stages import files, probe, reasoning_tables
from rmft.stages.reason import REASONING, last_replies, said_by

WORKFLOW = Path(__file__).parents[2] / "workflow"
READ = {"contexts": WORKFLOW / "scenarios", "phrases": WORKFLOW / "reasoning.yaml"}
ASKED = {"histories": 2, "replies": 2}


@pytest.fixture(scope="module")
def reasoned(cell: Path, task_entry: dict, stage: Callable, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """reasoning.parquet of the small cell."""
    output = tmp_path_factory.mktemp("reasoned") / "reasoning.parquet"
    ended = stage("reason", heldout=cell / "1/heldout.parquet", task=task_entry, **READ, output=output)
    assert ended.status == 0, ended.stderr
    return files.read_table(output, REASONING)


def replies_of(row: dict) -> list[str]:
    """The last reply of each step of an episode in dialogue."""
    replies: list[str] = []
    for message in json.loads(row["messages"]):
        if message["role"] == "assistant":
            replies.append(message["content"])
        elif message["content"].startswith("Not understood"):
            replies.pop()
    return replies


def test_every_episode_is_counted_as_a_patient_reader_would(reasoned: pa.Table, cell: Path) -> None:
    """The laptop model's sentences, taken apart by hand: `B has paid best so far, 0.63 on average.`"""
    played = pd.read_parquet(cell / "1/heldout.parquet").to_dict("records")
    assert len(played) == reasoned.num_rows
    stated = 0
    for episode, (row, found) in enumerate(zip(played, reasoned.to_pylist(), strict=True)):
        expected = dict.fromkeys(("steps", "stated", "right", "acted"), 0)
        paid: dict[str, list[float]] = {name: [] for name in "ABC"}
        for t, (reply, status) in enumerate(zip(replies_of(row), row["parse_status"], strict=False)):
            words = reply.split("\n")[0].split(" has paid best so far, ")
            expected["steps"] += status != "fallback"
            if status != "fallback" and len(words) == 2 and words[0] in paid:
                means = {name: np.mean(values) for name, values in paid.items() if values}
                right = words[0] in means and means[words[0]] >= max(means.values()) - 1e-9
                expected["stated"] += 1
                expected["right"] += right
                expected["acted"] += right and "ABC"[row["actions"][t]] == words[0]
            paid["ABC"[row["actions"][t]]].append(round(row["rewards"][t], 2))
        stated += expected["stated"]
        assert {name: found[name] for name in expected} == expected, row["messages"]
        assert (found["episode"], found["suite"]) == (episode, "in-distribution")
    assert stated > 20


def test_a_summary_and_shares_are_read_too(
    worldly: Path, told_task: dict, shares_task: dict, sampling: dict, run_stage: Callable, tmp_path: Path
) -> None:
    for task in (told_task, shares_task):
        where = {"split": "heldout", "scenarios": 12, "model_name": "w", "seed": 0, "method": "m"}
        playing = {"task": task, "contexts": READ["contexts"], "sampling": sampling, **where}
        run_stage("rollout", tmp_path, policy=worldly / "policy.json", **playing, output=tmp_path / "heldout.parquet")
        made = {"heldout": tmp_path / "heldout.parquet", "output": tmp_path / "reasoning.parquet"}
        run_stage("reason", tmp_path, task=task, **READ, **made)
        found = pd.read_parquet(tmp_path / "reasoning.parquet")[[*COUNTS]].sum()
        assert 0 < found["steps"] <= 12 * task["horizon"]
        assert found["acted"] <= found["right"] <= found["stated"] <= found["steps"]
        assert found["explores"] + found["exploits"] > found["steps"] / 2
        asked = {"sampling": sampling, "probe": ASKED, "output": tmp_path / "probes.jsonl"}
        run_stage("probe", tmp_path, policy=worldly / "policy.json", task=task, **READ, **asked)
        rows = reasoning_tables.read_lines(tmp_path / "probes.jsonl")
        fluctuates = {"fluctuating"} if task is shares_task else set()  # elsewhere there are too few steps
        assert {row["kind"] for row in rows} == {"plain", "lucky-bad-arm"} | fluctuates


@pytest.fixture(scope="module")
def probed(
    cell: Path,
    task_entry: dict,
    sampling: dict,
    stage: Callable,
    run_stage: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[list[dict]]:
    """probes.jsonl of the base policy, of the trained one, and of the trained one again, by a process of its own."""
    folder = tmp_path_factory.mktemp("probed")
    asked = {"task": task_entry, **READ, "sampling": sampling, "probe": ASKED}
    for iteration in (0, 1):
        run_stage("probe", cell, policy=f"{iteration}/policy.json", **asked, output=folder / f"{iteration}.jsonl")
    ended = stage("probe", cwd=cell, policy="1/policy.json", **asked, output=folder / "again.jsonl")
    assert ended.status == 0, ended.stderr
    return [reasoning_tables.read_lines(folder / f"{name}.jsonl") for name in ("0", "1", "again")]


def test_base_and_trained_policy_answer_the_same_histories(probed: list[list[dict]]) -> None:
    base, trained, again = probed
    told = ("history", "kind", "prompt", "averages", "trap")
    assert [{key: row[key] for key in told} for row in base] == [{key: row[key] for key in told} for row in trained]
    assert trained == again
    assert [row["reply"] for row in base] != [row["reply"] for row in trained]
    kinds = 2  # too few steps for a reward that fluctuates
    assert len(base) == kinds * ASKED["histories"] * ASKED["replies"]
    assert len({row["history"] for row in base}) == kinds * ASKED["histories"]


def test_a_probe_says_what_is_right(probed: list[list[dict]]) -> None:
    named = [row for rows in probed for row in rows if row["best_named"]]
    assert named
    for row in named:
        shown = {name: average for name, average in json.loads(row["averages"]).items() if average is not None}
        assert row["right"] == (shown.get(row["best_named"], -1) >= max(shown.values()) - 1e-6)
        assert row["reply"].startswith(f"{row['best_named']} has paid best so far, ")
    assert all(row["right"] is None for rows in probed for row in rows if not row["best_named"])
    assert all((row["trap"] == "") == (row["kind"] == "plain") for rows in probed for row in rows)


def test_replies_that_were_asked_for_again_belong_to_one_step() -> None:
    def chat(*contents: str) -> list[dict[str, str]]:
        return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)]

    assert last_replies([chat("go", "a", "AGAIN", "b", "paid", "c", "paid")], "AGAIN") == ["b", "c"]
    assert last_replies([chat("1", "a"), chat("2", "b", "AGAIN", "c")], "AGAIN") == ["a", "c"]


def test_an_episode_that_had_no_room_to_be_asked_again_is_read_to_its_last_step() -> None:
    """Two steps of three were played; the third reply could not be read, and the question did not fit."""
    messages = [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 3, "gapbpc", strict=True)]
    for chats in ([messages], [messages[:2], messages[2:4], messages[4:]]):
        said = json.dumps(chats[0] if len(chats) == 1 else chats)
        row = {"messages": said, "parse_status": ["ok", "ok", "none"]}
        assert said_by(row, "AGAIN", str.upper) == ["A", "B", None]
        with pytest.raises(ValueError, match="3 replies for 2 steps"):
            said_by(row | {"parse_status": ["ok", "ok"]}, "AGAIN", str.upper)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"suites": {"other": {"horizon": 6}}}, "holds no episode of the suite other"),
        ({"task": {"name": "small"}}, "--task: must be a mapping with means, rewards"),
        ({"phrases": "none.yaml"}, "none.yaml: cannot be read"),
        ({"phrases": WORKFLOW / "scenarios/buttons.yaml"}, "buttons.yaml: must be a mapping with"),
    ],
)
def test_reason_refuses_in_one_line(
    cell: Path, task_entry: dict, stage: Callable, tmp_path: Path, flags: dict, said: str
) -> None:
    given = {"heldout": cell / "1/heldout.parquet", "task": task_entry, **READ, "output": tmp_path / "r.parquet"}
    assert said in stage("reason", **(given | flags)).complaint
    assert list(tmp_path.iterdir()) == []


def test_messages_of_another_length_are_refused(cell: Path, task_entry: dict, stage: Callable, tmp_path: Path) -> None:
    table = pq.read_table(cell / "1/heldout.parquet")
    texts = [json.dumps(json.loads(text)[:-2]) for text in table["messages"].to_pylist()]
    at = table.schema.get_field_index("messages")
    pq.write_table(table.set_column(at, "messages", pa.array(texts)), tmp_path / "heldout.parquet")
    given = {"heldout": tmp_path / "heldout.parquet", "task": task_entry, **READ, "output": tmp_path / "r.parquet"}
    assert "messages: ValueError('5 replies for 6 steps')" in stage("reason", **given).complaint


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "policy.json: is numeric and says nothing; ask a policy in words"),
        ({"probe": {"histories": 0, "replies": 1}}, "--probe: histories and replies must be 1 or more"),
        ({"probe": {"histories": 1}}, "--probe: must be a mapping with replies"),
        (
            {"kind": "transformers", "sampling": {"temperature": 1.0}},
            "--sampling: must be a mapping with max_new_tokens",
        ),
        ({"policy": "none.json"}, "none.json: not a policy"),
    ],
)
def test_probe_refuses_in_one_line(
    task_entry: dict, sampling: dict, tmp_path: Path, capsys: pytest.CaptureFixture, flags: dict, said: str
) -> None:
    entry = {"kind": flags.pop("kind", "numeric"), "model": "m", "revision": None, "adapter": None, "digest": ""}
    entry |= {"parent": None, "iteration": 0, "made_by": {}}
    (tmp_path / "policy.json").write_text(json.dumps(entry))
    given = {"policy": tmp_path / "policy.json", "task": task_entry, **READ, "sampling": sampling, "probe": ASKED}
    argv = ["--output", str(tmp_path / "probes.jsonl")]
    for name, value in (given | flags).items():
        argv += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    assert probe.main(argv) == 1
    line = capsys.readouterr().err.strip()
    assert said in line and "\n" not in line
    assert not (tmp_path / "probes.jsonl").exists()
