"""The examples of docs/adding.md, each followed in a copy of the repository as a reader would."""

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import reduce
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pandas as pd
import yaml

from rmft.stages.config_files import lay_over

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^<!-- example: (\w+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"# (append to|write) (\S+)\n")
BLOCKS = BLOCK.findall((ROOT / "docs/adding.md").read_text())
MINE = ("small.yaml", "mine.yaml")
CONFIGS = ("config.yaml", "config.laptop.yaml", *MINE)
REAL = {"python": sys.executable, "evaluation": {"episodes": 300}}


@dataclass(frozen=True)
class Example:
    """A copy of the repository in which an example was followed, and what it lays over the config."""

    tree: object
    mine: dict

    def config(self) -> dict:
        """All of the config, as laid."""
        return reduce(lay_over, (yaml.safe_load((self.tree.folder / name).read_text()) for name in CONFIGS))

    def baselines(self, task: str, *names: str) -> list[pd.DataFrame]:
        """What baselines did on a task, the stages run by the workflow."""
        (self.tree.folder / "real.yaml").write_text(yaml.safe_dump(REAL))
        targets = [f"results/baselines/{task}/{name}.parquet" for name in names]
        done = self.tree.snakemake("--cores", "1", "--configfile", *MINE, "real.yaml", "--", *targets)
        assert done.returncode == 0, done.stderr
        return [pd.read_parquet(self.tree.folder / target) for target in targets]

    def module(self, name: str) -> ModuleType:
        """A module of the package as it stands here."""
        path = self.tree.folder / f"workflow/rmft/{name.replace('.', '/')}.py"
        spec = spec_from_file_location(f"{self.tree.folder.name}.{name}", path)
        loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded


def follow(tree: object, blocks: list[tuple[str, str]]) -> Example:
    """Do what the page says is done with the blocks (language, text) of an example."""
    mine: dict = {}
    (tree.folder / "mine.yaml").write_text("{}\n")
    for language, text in blocks:
        match language:
            case "yaml":
                mine = yaml.safe_load(text)
                (tree.folder / "mine.yaml").write_text(text)
            case "python":
                how, name = TARGET.match(text).groups()
                path = tree.folder / name
                before = f"{path.read_text()}\n\n" if how == "append to" else ""
                path.write_text(before + TARGET.sub("", text, count=1))
            case "sh":
                subprocess.run(["sh", "-euc", text], cwd=tree.folder, check=True, timeout=60)
            case other:
                raise AssertionError(f"docs/adding.md does not say what is done with {other}")
    return Example(tree, mine)


def of(name: str, before: str = "", after: str = "") -> list[tuple[str, str]]:
    """The blocks of an example, some text of them replaced."""
    blocks = [(language, text) for example, language, text in BLOCKS if example == name]
    assert any(before in text for _, text in blocks), f"the example {name} has no {before!r}"
    return [(language, text.replace(before, after, 1) if before else text) for language, text in blocks]


def check_config(example: Example) -> str:
    """What the config check says of the config with the example laid over it."""
    done = example.tree.python("-m", "rmft.stages.check_config", *CONFIGS)
    return (done.stdout + done.stderr).strip()


def snapshot(cache: Path) -> Path:
    """Where the cache of the hub has the example's model."""
    (entry,) = yaml.safe_load(of("model")[0][1])["models"].values()
    return cache / f"models--{entry['hub'].replace('/', '--')}/snapshots/{entry['revision']}"
