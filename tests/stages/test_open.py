"""A ready-made model through all stages of an iteration, as programs: a folder in, an adapter out, judged and asked."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from rmft.models.chat import renderer
from rmft.models.families import save
from rmft.models.policy import read_policy
from rmft.models.speech import speech_from_config
from rmft.stages import files

ROOT = Path(__file__).parents[2]
CONTEXTS = ROOT / "workflow/scenarios"
PHRASES = ROOT / "workflow/reasoning.yaml"
SFT = {"rank": 4, "alpha": 8, "target_modules": "all-linear", "batch": 8}
LORA = SFT | {"adapter": "lora", "epochs": 1, "learning_rate": 0.003}
WHOLE = SFT | {"adapter": "none", "epochs": 10, "learning_rate": 0.003}
SAMPLING = {"temperature": 0.3, "max_new_tokens": 10, "max_reasks": 1, "chunk_episodes": 48}
KINDS = {
    "gemma": ("gemma", {}),
    "qwen-strip": ("qwen", {"history": "strip"}),
    "phi-bf16": ("phi", {"dtype": "bfloat16"}),
}


@pytest.fixture(scope="module")
def plain(task_entry: dict) -> dict:
    """The small task, answered in a line."""
    return task_entry | {"reasoning": "none"}


@pytest.fixture(scope="module", params=KINDS)
def cell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stage: Callable, plain: dict
) -> Path:
    """The folder of an iteration of a small open model, which a teacher's dialogues have taught the form of an answer."""
    family, changes = KINDS[request.param]
    folder = tmp_path_factory.mktemp("open")
    speech = save(family, folder / "weights", context_length=1024) | changes
    (folder / "speech.json").write_text(json.dumps(speech))

    def run(program: str, /, **flags: object) -> None:
        ended = stage(program, cwd=folder, **flags)
        assert ended.status == 0, f"{program}: {ended.stderr}"

    playing = {"model": speech, "task": plain, "contexts": CONTEXTS, "sampling": SAMPLING, "model_name": "m", "seed": 0}
    training = {"split": "train", "trajectories_per_scenario": 4, "method": "base"}
    entry = {"kind": "open", "hub": "some/model", "revision": "main"}
    tuned = {"seed": 0, "iteration": 1}
    run("base_policy", name="m", model=entry | {"local_path": "weights"}, output="raw/policy.json")
    taught = {"teacher": {"policy": "random"}, "scenarios": 24, "output": "raw/trajectories.parquet"}
    run("rollout", policy="raw/policy.json", **playing, **training, **taught)
    ids = pq.read_table(folder / "raw/trajectories.parquet", columns=["trajectory_id"])["trajectory_id"].to_pylist()
    (folder / "raw/selected.jsonl").write_text("".join(json.dumps({"trajectory_id": name}) + "\n" for name in ids))
    rolled = {"trajectories": "raw/trajectories.parquet", "selected": "raw/selected.jsonl"}
    run("sft", policy="raw/policy.json", **rolled, model={"sft": WHOLE}, **tuned, output="taught/policy.json")

    rolled = {"trajectories": "0/trajectories.parquet"}
    method = {"name": "rmft", "score": "regret", "k": 2}
    asked = {"task": plain, "contexts": CONTEXTS, "phrases": PHRASES}
    probed = {"sampling": SAMPLING, "probe": {"histories": 1, "replies": 1}, "model": speech}
    heldout = {"split": "heldout", "scenarios": 6, "method": "rmft", "output": "1/heldout.parquet"}
    run("base_policy", name="m", model=entry | {"local_path": "taught/model"}, output="0/policy.json")
    run("rollout", policy="0/policy.json", **playing, **training, scenarios=6, output="0/trajectories.parquet")
    run("score", **rolled, task=plain, output="0/regret.parquet")
    chosen = {"output": "0/selected.jsonl", "summary": "0/selection.json"}
    run("select", **rolled, regret="0/regret.parquet", method=method, **chosen)
    chosen = {"selected": "0/selected.jsonl", "model": {"sft": LORA}}
    run("sft", policy="0/policy.json", **rolled, **chosen, **tuned, output="1/policy.json")
    run("rollout", policy="1/policy.json", **playing, **heldout)
    run("evaluate", heldout="1/heldout.parquet", task=plain, output="1/evaluation.parquet")
    run("reason", heldout="1/heldout.parquet", **asked, output="1/reasoning.parquet")
    run("probe", policy="1/policy.json", **asked, **probed, output="1/probes.jsonl")
    return folder


def test_the_policy_names_its_folder_and_its_adapter(cell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cell)
    base, tuned = (read_policy(Path(f"{i}/policy.json")) for i in (0, 1))
    assert (base.kind, base.model, base.revision, base.adapter) == ("transformers", "taught/model", None, None)
    assert base.digest
    assert (tuned.model, tuned.adapter) == ("taught/model", "1/adapter")
    assert pq.read_table("1/evaluation.parquet").num_rows == 6
    assert (cell / "1/probes.jsonl").read_text()


def test_every_sampled_token_is_trained_once_and_decodes_to_what_was_said(cell: Path) -> None:
    """Where earlier reasoning is stripped too, where each step is a conversation, and one opens with what stays."""
    speech = json.loads((cell / "speech.json").read_text())
    render = renderer(AutoTokenizer.from_pretrained(cell / "weights"), speech_from_config(speech))
    for row in pq.read_table(cell / "0/trajectories.parquet").to_pylist():
        chats, ids, mask = files.chats(row["messages"]), row["token_ids"], row["loss_mask"]
        assert sum(mask) == row["tokens_sampled"]
        assert len(chats) == len(row["chat_tokens"]) == (6 if speech["history"] == "strip" else 1)
        start, replies = 0, []
        for tokens in row["chat_tokens"]:
            said, told = [], []
            for token, own in zip(ids[start : start + tokens], mask[start : start + tokens], strict=True):
                if own and (not said or told[-1] == 0):
                    said.append([])
                told.append(own)
                if own:
                    said[-1].append(token)
            replies.append([render.text(reply) for reply in said])
            start += tokens
        for chat, own in zip(chats, replies, strict=True):
            heard = [message["content"] for message in chat if message["role"] == "assistant"]
            assert heard[-len(own) :] == own


def test_what_stays_of_a_reply_is_its_answer(cell: Path) -> None:
    speech = json.loads((cell / "speech.json").read_text())
    if speech["history"] != "strip":
        pytest.skip("nothing is stripped")
    for row in pq.read_table(cell / "0/trajectories.parquet").to_pylist():
        chats = files.chats(row["messages"])
        for before, after in pairwise(chats):
            kept = [
                {**message, "content": message["content"].split("</think>")[-1].lstrip("\n")}
                if message["role"] == "assistant"
                else message
                for message in before
            ]
            assert [message["role"] for message in after[: len(before)]] == [message["role"] for message in before]
            assert [m["content"].strip() for m in after[: len(before)]] == [m["content"].strip() for m in kept]


def test_a_model_that_lacks_a_file_is_refused_in_one_line(stage: Callable, tmp_path: Path) -> None:
    entry = {"kind": "open", "hub": "some/model", "revision": "main", "local_path": str(tmp_path / "nowhere")}
    ended = stage("base_policy", cwd=tmp_path, name="m", model=entry, output="policy.json")
    assert "lacks the folder itself of the model; copy it there" in ended.complaint
    entry.pop("local_path")
    ended = stage("base_policy", cwd=tmp_path, name="m", model=entry, output="policy.json")
    assert "run `hf download some/model --revision main`" in ended.complaint
    assert not (tmp_path / "policy.json").exists()
