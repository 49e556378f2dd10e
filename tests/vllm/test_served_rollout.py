"""Rollouts over the API of a server that is not ours: vLLM's own, with the small model, by the entry of served.yaml."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmft.models.policy import Policy
from rmft.models.widened import widened
from rmft.stages.check_config import complaint
from rmft.stages.config_files import lay_over, read_configs

sys.path.insert(0, str(Path(__file__).parent))
from served import difference, idle, served

ROOT = Path(__file__).parents[2]
CONTEXT = 256  # tokens that the server's model takes
AT_ONCE = 4


@pytest.fixture(scope="module")
def config() -> dict:
    """The laptop's config with served.yaml over it."""
    found = read_configs([ROOT / "config.yaml", ROOT / "config.laptop.yaml", Path(__file__).with_name("served.yaml")])
    return lay_over(found, {"models": {"served": {"terms": {"concurrency": AT_ONCE, "retries": 1}}}})


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model, its heads as wide as vLLM on a CPU wants them."""
    found = tmp_path_factory.mktemp("served") / "model"
    widened(AutoModelForCausalLM.from_pretrained(tiny), 32).save_pretrained(found)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(found)
    return found


@pytest.fixture(scope="module")
def serve(folder: Path) -> Callable:
    """Start a server of it."""

    def start(log: Path) -> Iterator[str]:
        how = ("--max-model-len", str(CONTEXT), "--generation-config", "vllm")
        return served(folder, "small", *how, log=log)

    return start


@pytest.fixture(scope="module")
def address(serve: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all."""
    with serve(tmp_path_factory.mktemp("server") / "log") as found:
        yield found


@pytest.fixture(scope="module")
def flags(config: dict, task_entry: dict, sampling: dict) -> Iterator[Callable]:
    """The flags of a rollout of 64 episodes into a folder, from a server, by the config's entry and a bill beside it."""
    entry = config["models"]["served"]
    said = {key: value for key, value in entry.items() if key not in ("kind", "terms", "resources")}
    bill = {"usd": 0.0, "covered": True, "terms": entry["terms"], "items": []}

    def make(folder: Path, address: str, *, model: str = "small", **more: object) -> dict:
        account, policy = folder / "account", folder / f"{model}.json"
        account.mkdir(exist_ok=True)
        (account / "bill.json").write_text(json.dumps(bill))
        policy.write_text(Policy("api", model, None, None, "", None, 0, {}).to_json())
        return {
            "policy": policy,
            "model": said | {"base_url": address, "account": str(account)},
            "task": task_entry,
            "contexts": ROOT / "workflow/scenarios",
            "sampling": sampling | {"chunk_episodes": 1_000_000},
            "model_name": "served",
            "method": "base",
            "seed": 0,
            "split": "train",
            "scenarios": 16,
            "trajectories_per_scenario": 4,
            "output": folder / "trajectories.parquet",
        } | more

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "none-is-asked-for")
        yield make


@dataclass(frozen=True)
class Whole:
    """A rollout that nothing has disturbed: its folder, and what the server counted meanwhile."""

    folder: Path
    told: dict[str, int]

    @property
    def table(self) -> pa.Table:
        """What was played."""
        return pq.read_table(self.folder / "trajectories.parquet")


@pytest.fixture(scope="module")
def whole(stage: Callable, address: str, flags: Callable, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """One for all."""
    folder, before = tmp_path_factory.mktemp("whole"), idle(address)
    ended = stage("rollout", cwd=folder, **flags(folder, address))
    assert ended.status == 0, ended.stderr
    return Whole(folder, difference(idle(address), before))


def bought(folder: Path) -> int:
    """Replies in the account's journals."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("account/*/replies.jsonl"))


def wait_for(replies: int, folder: Path, process: subprocess.Popen) -> None:
    """Until so many replies are in the journals of a rollout under way."""
    until = time.monotonic() + 120
    while bought(folder) < replies and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    assert process.poll() is None, process.stderr.read()
    assert bought(folder) >= replies


def test_the_entry_is_one_that_the_config_takes(config: dict) -> None:
    assert complaint(config) is None
    assert config["models"]["served"]["max_new_tokens"] == config["rollout"]["max_new_tokens"]


def test_every_episode_is_there_with_the_tokens_that_the_server_counted(whole: Whole) -> None:
    table, told = whole.table, whole.told
    assert table.num_rows == len(set(table["trajectory_id"].to_pylist())) == 64
    assert set(table["status"].to_pylist()) == {"complete"}
    assert all(len(actions) == 6 for actions in table["actions"].to_pylist())
    assert told["replies"] == bought(whole.folder) >= 64 * 6
    assert sum(table["tokens_prompt"].to_pylist()) == told["prompt"]
    assert sum(table["tokens_sampled"].to_pylist()) == told["sampled"]
    book = json.loads(next((whole.folder / "account/spent").glob("*.json")).read_text())
    assert (book["usd"], book["prompt"], book["sampled"]) == (0, told["prompt"], told["sampled"])


def test_it_is_scored_as_any_other(stage: Callable, whole: Whole, task_entry: dict, tmp_path: Path) -> None:
    played, regret = whole.folder / "trajectories.parquet", tmp_path / "regret.parquet"
    ended = stage("score", cwd=tmp_path, trajectories=played, task=task_entry, output=regret)
    assert ended.status == 0, ended.stderr
    found = pq.read_table(regret)["regret"].to_pylist()
    assert len(found) == 64
    assert 0 < sum(found) / 64 < 6 * 0.4  # better than losing half of the range at every step


def test_held_out_play_is_evaluated_as_any_other(
    stage: Callable, address: str, flags: Callable, task_entry: dict, tmp_path: Path
) -> None:
    output, evaluation = tmp_path / "heldout.parquet", tmp_path / "evaluation.parquet"
    told = {"split": "heldout", "scenarios": 24, "trajectories_per_scenario": 1, "output": output}
    ended = stage("rollout", cwd=tmp_path, **flags(tmp_path, address, **told))
    assert ended.status == 0, ended.stderr
    ended = stage("evaluate", cwd=tmp_path, heldout=output, task=task_entry, output=evaluation)
    assert ended.status == 0, ended.stderr
    table = pq.read_table(evaluation)
    assert table.num_rows == 24
    assert 0 < sum(table["regret"].to_pylist()) / 24 < 6 * 0.4
    assert sum(table["parse_failures"].to_pylist()) < 0.2 * 24 * 6


def test_killed_it_asks_for_nothing_that_came(
    stage: Callable, stage_process: Callable, address: str, flags: Callable, whole: Whole, tmp_path: Path
) -> None:
    """Only what was under way is asked for again, by the server's own count; by its seed the reply is the same."""
    before = idle(address)
    process = stage_process("rollout", tmp_path, **flags(tmp_path, address))
    wait_for(40, tmp_path, process)
    process.kill()
    process.communicate()
    assert process.returncode == -9
    first, kept = difference(idle(address), before)["replies"], bought(tmp_path)
    assert kept <= first <= kept + AT_ONCE
    ended = stage("rollout", cwd=tmp_path, **flags(tmp_path, address))
    assert ended.status == 0, ended.stderr
    assert difference(idle(address), before)["replies"] - first == bought(tmp_path) - kept
    assert bought(tmp_path) == bought(whole.folder) > kept
    assert pq.read_table(tmp_path / "trajectories.parquet").equals(whole.table)


def test_a_server_that_goes_is_one_line_and_another_goes_on(
    stage: Callable,
    stage_process: Callable,
    serve: Callable,
    address: str,
    flags: Callable,
    whole: Whole,
    tmp_path: Path,
) -> None:
    with serve(tmp_path / "log") as other:
        process = stage_process("rollout", tmp_path, **flags(tmp_path, other))
        wait_for(40, tmp_path, process)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    line = said.strip().split("\n")[-1]
    assert line.startswith("rollout: a reply: ")
    assert line.endswith(
        "tried 2 times (retries, give_up_seconds); what was bought is kept: run the same command again"
    )
    begun = time.monotonic()
    assert "a reply: no connection" in stage("rollout", cwd=tmp_path, **flags(tmp_path, other)).complaint
    assert time.monotonic() - begun < 60
    before, kept = idle(address), bought(tmp_path)
    ended = stage("rollout", cwd=tmp_path, **flags(tmp_path, address))
    assert ended.status == 0, ended.stderr
    assert difference(idle(address), before)["replies"] == bought(tmp_path) - kept
    assert pq.read_table(tmp_path / "trajectories.parquet").equals(whole.table)  # no reply was broken off


def test_another_model_s_name_is_one_line(stage: Callable, address: str, flags: Callable, tmp_path: Path) -> None:
    complaint = stage("rollout", cwd=tmp_path, **flags(tmp_path, address, model="other")).complaint
    assert complaint.startswith("rollout: 404 The model `other` does not exist.")
    assert "check model and base_url in the config" in complaint


def test_it_fine_tunes_nothing_and_says_so(
    stage: Callable, address: str, flags: Callable, whole: Whole, tmp_path: Path
) -> None:
    told, selected = flags(tmp_path, address), tmp_path / "selected.jsonl"
    ids = whole.table["trajectory_id"].to_pylist()
    selected.write_text("".join(json.dumps({"trajectory_id": one}) + "\n" for one in ids))
    flagged = {key: told[key] for key in ("policy", "model", "seed")} | {"selected": selected, "iteration": 1}
    made = {"trajectories": whole.folder / "trajectories.parquet", "output": tmp_path / "next/policy.json"}
    complaint = stage("sft", cwd=tmp_path, **flagged, **made).complaint
    assert complaint.startswith("sft: 404 ")
    assert "a server that is not OpenAI's may take no batches and fine-tune nothing" in complaint


def test_episodes_that_no_longer_fit_end_and_the_others_are_kept(
    stage: Callable, address: str, flags: Callable, task_entry: dict, tmp_path: Path
) -> None:
    """Some of the prompts that do not fit take all of the context, which vLLM refuses in other words than more than that."""
    told = flags(tmp_path, address, task=task_entry | {"horizon": 30}, scenarios=4)
    ended = stage("rollout", cwd=tmp_path, **told)
    assert ended.status == 0, ended.stderr
    table = pq.read_table(told["output"])
    assert set(table["status"].to_pylist()) == {"context_exhausted"}
    assert all(10 < row.index("none") < 30 for row in table["parse_status"].to_pylist())


def test_at_temperature_0_it_says_what_our_own_engine_says(
    stage: Callable, address: str, flags: Callable, base: Policy, tmp_path: Path
) -> None:
    """But for episodes whose words are not tokenised again as they were sampled: there the server reads another prompt."""
    told = flags(tmp_path, address)
    told["sampling"] = told["sampling"] | {"temperature": 0.0}
    ended = stage("rollout", cwd=tmp_path, **told)
    assert ended.status == 0, ended.stderr
    (tmp_path / "base.json").write_text(base.to_json())
    here = told | {"policy": tmp_path / "base.json", "model": {}, "output": tmp_path / "here.parquet"}
    ended = stage("rollout", cwd=tmp_path, **here)
    assert ended.status == 0, ended.stderr
    theirs, ours = (pq.read_table(flag["output"]).to_pylist() for flag in (told, here))
    tokenizer = AutoTokenizer.from_pretrained(base.model)
    again = [tokenizer.apply_chat_template(json.loads(row["messages"]), tokenize=False) for row in ours]
    alike = [tokenizer(text)["input_ids"] == row["token_ids"] for text, row in zip(again, ours, strict=True)]
    print(f"{sum(alike)} of {len(alike)} episodes are tokenised again as they were sampled")
    assert sum(alike) > 32
    for one, other, same in zip(theirs, ours, alike, strict=True):
        if same:
            assert one["messages"] == other["messages"]
            assert (one["actions"], one["rewards"]) == (other["actions"], other["rewards"])
