"""Ready-made models in the config: what is not at hand or does not fit is said before a job is queued."""

import json
from pathlib import Path

import pytest
import yaml

from rmft.stages.check_config import complaint
from rmft.stages.config_files import lay_over, read_configs

ROOT = Path(__file__).parents[2]
MODELS = ("phi-3-5-mini", "gemma-2-9b", "qwen3-8b")
CONFIG = read_configs([ROOT / "config.yaml", ROOT / "config.open.yaml"])
POSITIONS = {
    "phi-3-5-mini": {"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 4096},
    "gemma-2-9b": {"max_position_embeddings": 8192},
    "qwen3-8b": {"max_position_embeddings": 40960},
}


def put(folder: Path, config: dict | None = None, *, shards: int = 2) -> Path:
    """A folder with the names of the files that a model has."""
    folder.mkdir(parents=True)
    names = [f"model-{i}.safetensors" for i in range(shards)]
    (folder / "config.json").write_text(json.dumps(config or {}))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {str(i): n for i, n in enumerate(names)}})
    )
    for name in names:
        (folder / name).touch()
    return folder


def snapshot(cache: Path, name: str) -> Path:
    entry = CONFIG["models"][name]
    return cache / f"models--{entry['hub'].replace('/', '--')}/snapshots/{entry['revision']}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache that holds the three models, as far as the config is checked; and no interpreter of its own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in MODELS:
        put(snapshot(tmp_path / "hub", name), POSITIONS[name])
    return tmp_path / "hub"


def said(**entries: object) -> str | None:
    """What is wrong with the config of the open models, with some entries laid over it; their interpreters are not asked."""
    engines = {"models": {name: {"engine": "transformers"} for name in MODELS}}
    return complaint(lay_over(lay_over(CONFIG, engines), entries))


def test_the_config_of_the_open_models_is_as_it_should_be(cache: Path) -> None:
    assert said() is None
    assert {CONFIG["models"][name]["kind"] for name in CONFIG["run"]["models"]} == {"open"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_not_in_the_cache_is_named_with_the_command_that_fetches_it(cache: Path, name: str) -> None:
    entry, folder = CONFIG["models"][name], snapshot(cache, name)
    folder.rename(folder.with_name("elsewhere"))
    line = said()
    assert f"models.{name}.hub: {entry['hub']} is not in the cache {cache}" in line
    assert f"run `hf download {entry['hub']} --revision {entry['revision']}`" in line
    assert "HF_TOKEN" in line
    assert "local_path" in line
    assert "\n" not in line


def test_a_download_that_was_cut_off_is_found(cache: Path) -> None:
    (snapshot(cache, "qwen3-8b") / "model-1.safetensors").unlink()
    assert "it lacks model-1.safetensors" in said()


def test_models_that_are_not_selected_need_not_be_there(cache: Path) -> None:
    folder = snapshot(cache, "qwen3-8b")
    folder.rename(folder.with_name("elsewhere"))
    assert said(run={"models": ["phi-3-5-mini", "gemma-2-9b"]}) is None


def test_a_branch_is_no_pin(cache: Path) -> None:
    assert "models.qwen3-8b.revision: main moves; write the commit" in said(models={"qwen3-8b": {"revision": "main"}})
    repository = snapshot(cache, "qwen3-8b").parents[1]
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(CONFIG["models"]["qwen3-8b"]["revision"])
    assert f"here main is {CONFIG['models']['qwen3-8b']['revision']}" in said(models={"qwen3-8b": {"revision": "main"}})


def test_a_folder_stands_for_the_hub(cache: Path, tmp_path: Path) -> None:
    mine = {"models": {"qwen3-8b": {"local_path": str(tmp_path / "mirror"), "revision": "main"}}}
    assert f"models.qwen3-8b.local_path: {tmp_path}/mirror lacks the folder itself" in said(**mine)
    put(tmp_path / "mirror", {"max_position_embeddings": 40960})
    assert said(**mine) is None
    (tmp_path / "mirror/tokenizer_config.json").unlink()
    assert "lacks tokenizer_config.json" in said(**mine)


def test_weights_that_are_no_safetensors_are_no_model(cache: Path, tmp_path: Path) -> None:
    folder = put(tmp_path / "mirror", shards=0)
    (folder / "model.safetensors.index.json").unlink()
    (folder / "pytorch_model.bin").touch()
    assert "lacks model.safetensors" in said(models={"qwen3-8b": {"local_path": str(folder)}})


def test_gemma_has_no_room_for_long_answers_over_a_hundred_steps(cache: Path) -> None:
    only = {"run": {"models": ["gemma-2-9b"]}, "tasks": {"mab-advertising": {"horizon": 100}}}
    line = said(**only)
    assert line.startswith("models.gemma-2-9b.context_length: 8192 tokens do not hold mab-advertising")
    assert "100 steps x 120 (tokens_per_step) = 12" in line
    assert said(**lay_over(only, {"models": {"gemma-2-9b": {"tokens_per_step": 60}}})) is None


@pytest.mark.parametrize(("suite", "fits"), [("horizon-2x", False), ("horizon-4x", False), ("summary", True)])
def test_phi_does_not_play_past_its_4096_tokens(cache: Path, suite: str, fits: bool) -> None:
    only = {"run": {"models": ["phi-3-5-mini"], "suites": {"mab-advertising": [suite]}}}
    line = said(**only)
    assert (line is None) == fits
    if not fits:
        steps = {"horizon-2x": 40, "horizon-4x": 80}[suite]
        assert f"4096 tokens do not hold mab-advertising under {suite}" in line
        opened = int(line.split(": ")[2].split(" to open")[0])
        assert f"{opened} to open it + {steps} steps x 120 (tokens_per_step) = {opened + 120 * steps}" in line


def test_in_summaries_one_step_is_a_conversation(cache: Path) -> None:
    long = {"mab-advertising": {"horizon": 1000, "interaction": "summary"}}
    assert (
        said(
            run={"models": ["phi-3-5-mini"], "tasks": ["mab-advertising"], "suites": {"mab-advertising": []}},
            tasks=long,
        )
        is None
    )


def test_no_more_context_than_the_model_has(cache: Path) -> None:
    more = {"phi-3-5-mini": {"context_length": 8192}}
    assert "models.phi-3-5-mini.context_length: 8192 is more than the 4096 of" in said(models=more)
    assert "context_length: 50000 is more than the 40960" in said(models={"qwen3-8b": {"context_length": 50000}})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"history": "forget"}, "models.qwen3-8b.history: must be one of keep, strip, no_think"),
        ({"stop": []}, "models.qwen3-8b.stop: must name at least one"),
        ({"dtype": "int4"}, "models.qwen3-8b.dtype: must be one of bfloat16, float16, float32"),
        ({"trust_remote_code": True}, "models.qwen3-8b.trust_remote_code: unknown key"),
        ({"engine": "sglang"}, "models.qwen3-8b.engine: must be one of transformers, vllm"),
        ({"tokens_per_step": 40000}, "models.qwen3-8b.tokens_per_step: 40000 is more than context_length"),
        ({"sft": {"adapter": "qlora"}}, "models.qwen3-8b.sft.adapter: must be one of none, lora"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_key(cache: Path, changes: dict, line: str) -> None:
    assert line in said(models={"qwen3-8b": changes})


def test_an_adapter_needs_its_rank(cache: Path) -> None:
    config = lay_over(CONFIG, {"models": {name: {"engine": "transformers"} for name in MODELS}})
    sft = {key: value for key, value in config["models"]["qwen3-8b"]["sft"].items() if key != "rank"}
    config["models"] = config["models"] | {"qwen3-8b": config["models"]["qwen3-8b"] | {"sft": sft}}
    assert "models.qwen3-8b.sft.rank: missing; adapter lora needs it" in complaint(config)


def test_each_job_has_the_interpreter_of_its_engine_or_of_the_training(copied, cache: Path) -> None:
    names = ("all", "vllm", "sft")
    for name in names:
        (copied.folder / name).write_text("#!/bin/sh\n")
        (copied.folder / name).chmod(0o755)
    mine = {
        "door": "cluster",
        "python": "./all",
        "pythons": {"vllm": "./vllm", "sft": "./sft"},
        "models": {"gemma-2-9b": {"engine": "transformers"}},
    }
    (copied.folder / "mine.yaml").write_text(yaml.safe_dump(mine))
    laid = ("--configfile", "config.open.yaml", "mine.yaml")
    done = copied.snakemake("--dry-run", "--printshellcmds", *laid)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = [
        line.removeprefix("Shell command: ").split() for line in done.stdout.splitlines() if "-m rmft.stages" in line
    ]
    assert {words[0] for words in commands if words[2] == "rmft.stages.sft"} == {"./sft"}
    assert {words[0] for words in commands if words[2] == "rmft.stages.score"} == {"./all"}
    for model, python in (("gemma-2-9b", "./all"), ("qwen3-8b", "./vllm"), ("phi-3-5-mini", "./vllm")):
        for stage in ("rmft.stages.rollout", "rmft.stages.probe"):
            found = {
                words[0] for words in commands if words[2] == stage and f"results/cells/{model}/" in " ".join(words)
            }
            assert found == {python}, (model, stage)


def test_another_interpreter_reruns_nothing(tree) -> None:
    tree.lay_over(pythons={"vllm": "/another/python", "sft": "/a/third"})
    assert tree.would_run() == {}


def test_another_engine_plays_anew_and_trains_no_model(tree) -> None:
    tree.lay_over(models={"tiny": {"engine": "transformers"}})
    assert "pretrain" not in set(tree.would_run().values())
