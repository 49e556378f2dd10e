"""vLLM: episodes that wait for no other against all in step, and what is remembered against resending the text."""

import json
import os
import subprocess

from laptop_model import folder
from measure import ROOT, Row, seconds, table

PYTHON = ROOT / ".venv-vllm/bin/python"
NOTE = (
    "{tokens:.0f} tokens a dialogue; a reply has 4 tokens, one in ten 160; {episodes} episodes side by side, on a CPU"
)


def rows(repeats: int = 3) -> list[Row]:
    """A row for each comparison, of programs that vLLM's interpreter runs."""
    names = {
        "rollout through vLLM, T=20: all replies of a step before the next step": "at least 1.5",
        "rollout through vLLM, T=60: the dialogue resent as text at every step, nothing remembered": "",
    }
    if not PYTHON.exists():
        return [Row(name, note="skipped: no vLLM here; make .venv-vllm/ready") for name in names]
    path = f"{ROOT / 'workflow'}:{ROOT / 'benchmarks'}"
    command = [PYTHON, ROOT / "benchmarks/vllm_player.py", folder(), str(repeats)]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    found = json.loads(said.splitlines()[-1])
    return [
        Row(name, *map(seconds, got["spent"][:2]), got["spent"][2], limit, NOTE.format(**got))
        for (name, limit), got in zip(names.items(), found, strict=True)
    ]


if __name__ == "__main__":
    print(table(rows()))
