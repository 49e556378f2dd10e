"""The house rules that a machine can keep."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import reduce
from pathlib import Path

import pytest
import yaml

from rmft.stages.config_files import lay_over

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/rmft"
RULE_FILES = sorted(ROOT.glob("workflow/rules/*.smk"))
RULE = re.compile(r"^rule (\w+):\n((?:(?:    .*)?\n)*)", re.MULTILINE)
RULES = {name: body for path in RULE_FILES for name, body in RULE.findall(path.read_text())}
STAGED = {name: body for name, body in RULES.items() if "shell:" in body}


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_snakefile_is_short():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60


def test_core_is_numpy_and_the_standard_library():
    allowed = sys.stdlib_module_names | {"numpy"}
    for path in (PACKAGE / "core").glob("*.py"):
        for name in imports(path):
            assert name.startswith("rmft.core.") or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def leaves_the_encoding_open(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding of the user's locale."""
    keys = {keyword.arg for keyword in call.keywords}
    match call.func:
        case ast.Attribute(value=ast.Name("files"), attr="write_text") | ast.Attribute(value=ast.Name("os")):
            return False
        case ast.Attribute(attr="read_text" | "write_text"):
            return "encoding" not in keys
        case ast.Attribute(attr="open") | ast.Name("open"):
            mode = next((arg.value for arg in call.args if isinstance(arg, ast.Constant)), "" if call.args else "r")
            return "encoding" not in keys and bool(mode) and "b" not in mode
    return any(key.arg == "text" and isinstance(key.value, ast.Constant) for key in call.keywords)


def test_text_is_utf_8_whatever_the_locale():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert not leaves_the_encoding_open(node), f"{path.name}, line {node.lineno}: say encoding"


@pytest.mark.parametrize(
    ("code", "open_"),
    [
        ("path.read_text()", True),
        ("path.read_text(errors='replace')", True),
        ("path.write_text(text)", True),
        ("path.open()", True),
        ("path.open('w')", True),
        ("open(path, 'w')", True),
        ("subprocess.run(command, text=True)", True),
        ("path.read_text(encoding='utf-8')", False),
        ("files.write_text(path, text)", False),
        ("path.open('rb')", False),
        ("engine.open(3 + 4)", False),
        ("subprocess.run(command)", False),
    ],
)
def test_the_encoding_of_a_call(code, open_):
    assert leaves_the_encoding_open(ast.parse(code, mode="eval").body) == open_


@pytest.mark.parametrize(
    ("folder", "may"),
    [
        ("core", ("rmft.core.",)),
        ("models", ("rmft.core.", "rmft.models.")),
        ("figures", ("rmft.core.statistics", "rmft.figures.")),
        ("stages", ("rmft.",)),
    ],
)
def test_imports_point_one_way(folder, may):
    for path in (PACKAGE / folder).glob("*.py"):
        for name in imports(path):
            package = f"{name}."
            assert not name.startswith("rmft") or package.startswith(may), f"{path.name} imports {name}"


def test_what_the_snakefile_imports_is_light():
    """numpy, in which the config's tasks are checked, costs 0.15 s; nothing else that is slow is imported."""
    code = "import sys, rmft.stages.check_config, rmft.stages.fingerprint, rmft.figures; print(*sys.modules)"
    loaded = set(run("-c", f"import sys; sys.path.insert(0, 'workflow'); {code}").stdout.split())
    assert "rmft.stages.fingerprint" in loaded
    assert not loaded & {"pandas", "torch", "transformers", "matplotlib", "jsonschema", "pyarrow"}


@pytest.mark.parametrize("name", sorted(STAGED))
def test_a_rule_can_be_reasoned_with_on_its_own(name):
    body = STAGED[name]
    assert re.match(r'    """[A-Z].*"""\n', body)
    for section in ("output", "params", "log", "benchmark"):
        assert f"    {section}:\n" in body
    assert "        code=" in body
    assert not re.search(r"lambda|\brun:|\bscript:|checkpoint|retries", body)
    shell = body[body.index("    shell:") :].splitlines()[1:]
    commands = [line.strip() for line in shell if line.strip()]
    assert all(line.startswith('"') and line.endswith('"') for line in commands)
    assert all(line.count("--") <= 1 for line in commands)


@pytest.mark.parametrize("name", sorted(STAGED))
def test_the_stage_knows_every_flag_that_its_rule_gives(name):
    stage = re.search(r"rmft\.stages\.(\w+)", STAGED[name])[1]
    path = PACKAGE / f"stages/{stage}.py"
    shared = [PACKAGE / f"stages/{name.split('.')[2]}.py" for name in imports(path) if name.startswith("rmft.stages.")]
    text = "".join(file.read_text() for file in {path, *filter(Path.is_file, shared)})
    flags = re.findall(r'^ +"(--[a-z-]+)', STAGED[name], re.MULTILINE)
    assert flags
    assert [flag for flag in flags if f'"{flag}"' not in text] == []


def test_no_rule_names_a_machine():
    for path in RULE_FILES:
        assert not re.search(r"slurm_\w+=[\"'0-9]|/home|/scratch|http", path.read_text()), path


def test_nodes_are_asked_for_with_gpus_alone():
    """Rules that stand side by side in a cluster job add their nodes up, and SLURM takes no job of more nodes than GPUs."""
    assert {name for name, body in RULES.items() if "nodes=1" in body} == {
        name for name, body in RULES.items() if "gpu=gpus" in body
    }
    profile = yaml.safe_load((ROOT / "slurm/profile.v9+.yaml").read_text())
    assert "nodes" not in profile["default-resources"]


def test_public_names_have_docstrings_and_types():
    done = run("-m", "ruff", "check", "--select", "D1,ANN", "--ignore", "D102,D105,D107", "workflow/rmft")
    assert done.returncode == 0, done.stdout


def test_the_rules_are_formatted():
    done = run("-m", "snakefmt", "--check", "Snakefile", "workflow/rules")
    assert done.returncode == 0, done.stderr


def test_snakemake_lint_has_nothing_but_the_environment_to_say(finished):
    """One environment serves all rules: the interpreter is a global, and no rule names a container."""
    said = re.findall(
        r"^    \* (.*):$", finished.snakemake("--lint", "--configfile", "small.yaml").stderr, re.MULTILINE
    )
    assert set(said) == {
        "Specify a conda environment or container for each rule.",
        "Shell command directly uses variable PYTHON from outside of the rule",
    }


def laid(*files: str) -> dict:
    """Some config files, each laid over the one before."""
    return reduce(lay_over, (yaml.safe_load((ROOT / name).read_text()) for name in files))


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ([], ["config.yaml", "config.laptop.yaml"]),
        (["--config", "door=cluster"], ["config.yaml"]),
        (
            ["--configfile", "config.paper-laptop.yaml"],
            ["config.yaml", "config.laptop.yaml", "config.paper-laptop.yaml"],
        ),
    ],
    ids=["laptop", "cluster", "paper-laptop"],
)
def test_each_door_runs_its_own_grid(copied, jobs_of, arguments, files):
    """Every cell of every task, those with lists of its own, methods of one iteration and teachers among them."""
    done = copied.snakemake("--dry-run", "--quiet", "rules", "reason", "host", *arguments)
    counts = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE)}
    expected = jobs_of(laid(*files))
    assert counts == {**Counter(expected.values()), "total": len(expected)}


def test_pins_are_exact_and_complete():
    names = ("laptop", "cluster", "vllm-cpu", "vllm", "sft", "analysis")
    for name in (f"{name}.{kind}" for name in names for kind in ("in", "txt")):
        lines = [line for line in (ROOT / "envs" / name).read_text().splitlines() if not line.startswith("#")]
        assert lines
        assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.+]*", line)] == []
    for name in names:
        pinned = set((ROOT / f"envs/{name}.txt").read_text().splitlines())
        assert set((ROOT / f"envs/{name}.in").read_text().splitlines()[1:]) <= pinned


def anchors(page: Path) -> set[str]:
    """What a link may point to in a page: its headings, as they are made into addresses."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_of_a_page_is_broken(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        name, _, place = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not place or place in anchors(target), link
