"""The whole method on a closed model, in the words of a real world, through the workflow: from the bill to the claims."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from brain import Brain
from provider import Provider
from provider_http import serve
from shop import ADVERTISING, CONTEXTS, KEY, closed_config

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "workflow")
SLOW = pytest.mark.skipif(not os.environ.get("RMFT_API"), reason="takes minutes; make test-api runs it")


@pytest.fixture(scope="module")
def speaking(tmp_path_factory, stage, model_entry):
    """The model behind the provider, which has learnt to talk about advertising."""
    folder = tmp_path_factory.mktemp("speaking") / "model"
    entry = json.loads(json.dumps(model_entry))
    entry["pretraining"]["crowd"]["tasks"] = {"mab-advertising": {"share": 1, **ADVERTISING}}
    ended = stage("pretrain", name="m", model=entry, contexts=CONTEXTS, output=folder / "pretrain.json")
    assert ended.status == 0, ended.stderr
    return folder


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    """Run the workflow with a config laid over the laptop's."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for part in PARTS:
        (tmp_path / part).symlink_to(ROOT / part)

    def run(laid, *arguments):
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(laid))
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "mine.yaml", "--", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "HF_HUB_OFFLINE": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)

    return run


def test_a_bill_that_is_not_covered_sends_nothing(workflow, shop):
    done = workflow(closed_config(shop.url, max_usd=0.0), "results/api/closed/bill.json")
    assert done.returncode == 1
    assert "does NOT cover it: nothing will be sent" in done.stdout + done.stderr
    assert "max_usd: 0 dollars do not cover the bill of" in done.stdout + done.stderr
    assert shop.provider.calls == []


@SLOW
@pytest.mark.parametrize("mode", ["batch", "live"])
def test_iterations_evaluation_figures_and_claims(workflow, speaking, tmp_path, tmp_path_factory, mode):
    provider = Provider(Brain(speaking, tmp_path_factory.mktemp("tuned")), KEY)
    _, url = serve(provider)
    patient = {
        "mode": mode,
        "timeout_seconds": 60,
        "give_up_seconds": 200,
        "patience_hours": 0.2,
    }  # one model serves all
    done = workflow(closed_config(url, **patient, concurrency=2), "all")
    assert done.returncode == 0, done.stderr[-3000:]
    policies = ["base/seed0/iter0", "rmft/seed0/iter1", "rmft/seed0/iter2"]
    cells = tmp_path / "results/cells/closed/mab-advertising"
    names = [json.loads((cells / policy / "policy.json").read_text())["model"] for policy in policies]
    assert names == ["closed-mini", "ft:closed-mini:org:rmft:ftjob-0", "ft:closed-mini:org:rmft:ftjob-1"]
    assert [job["model"] for job in provider.jobs.values()] == names[:2]
    summary = pd.read_csv(tmp_path / "results/tables/summary.csv")
    ours = summary[summary["kind"] == "policy"]
    assert sorted(ours["iteration"].unique()) == [0, 1, 2]
    assert set(ours["suite"]) == {"in-distribution", "summary"}
    assert (tmp_path / "results/report.html").stat().st_size > 100_000
    claims = json.loads((tmp_path / "results/claims.json").read_text())
    assert "closed" in json.dumps(claims)
    bill = json.loads((tmp_path / "results/api/closed/bill.json").read_text())
    spent = sum(json.loads(p.read_text())["usd"] for p in (tmp_path / "results/api/closed/spent").glob("*.json"))
    assert bill["usd"] / 3 < spent < 3 * bill["usd"]
    for key in ("prompt", "sampled", "trained"):
        own = sum(json.loads(p.read_text())[key] for p in (tmp_path / "results/api/closed/spent").glob("*.json"))
        assert own == provider.tokens[key]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
    paid, calls = dict(provider.replies), len(provider.calls)
    assert set(paid.values()) == {1}
    again = workflow(closed_config(url, **patient, concurrency=3, max_usd=20.0), "all")  # other terms rerun nothing
    assert again.returncode == 0, again.stderr[-3000:]
    assert len(provider.calls) == calls
    assert not {"rule rollout", "rule sft", "rule rollout_heldout", "rule probe"} & set(again.stderr.split(":"))
