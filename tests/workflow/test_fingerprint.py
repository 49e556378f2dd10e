"""The fingerprint of a stage's code changes with what the code does, and with nothing else."""

from pathlib import Path

import pytest

from rmft.stages.fingerprint import ROOT, fingerprint, modules, statements

FILES = {
    "rmft/__init__.py": '"""Package."""\n',
    "rmft/core/__init__.py": "",
    "rmft/core/regret.py": '"""Module."""\nimport math\n\ndef regret(x):\n    """Regret."""\n    return math.fabs(x)\n',
    "rmft/core/late.py": "VALUE = 1\n",
    "rmft/core/other.py": "VALUE = 1\n",
    "rmft/stages/__init__.py": "",
    "rmft/stages/score.py": (
        "from rmft.core import regret\nfrom . import names\n\n\ndef main():\n"
        "    from rmft.core.late import VALUE\n    return regret.regret(VALUE)\n"
    ),
    "rmft/stages/names.py": "import rmft.core\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    statements.cache_clear()
    return tmp_path


def after(package: Path, name: str, text: str) -> tuple[str, str]:
    """The fingerprint before and after a file is rewritten."""
    before = fingerprint("score", root=package)
    (package / name).write_text(text)
    statements.cache_clear()
    return before, fingerprint("score", root=package)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rmft/core/regret.py", "Regret.", "Other words."),
        ("rmft/core/regret.py", '    """Regret."""\n', ""),
        ("rmft/core/regret.py", '"""Module."""\n', "# A comment.\n\n"),
        ("rmft/core/regret.py", "math.fabs(x)", "math.fabs(  x  )  # why"),
        ("rmft/core/other.py", "1", "2"),
    ],
)
def test_stays(package, name, old, new):
    before, now = after(package, name, FILES[name].replace(old, new))
    assert before == now


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rmft/core/regret.py", "math.fabs(x)", "math.fabs(x) + 1"),
        ("rmft/core/regret.py", "fabs", "floor"),
        ("rmft/core/late.py", "1", "2"),
        ("rmft/stages/names.py", "import rmft.core", "NAMES = 1"),
        ("rmft/__init__.py", '"""Package."""', "VERSION = 1"),
        ("rmft/core/__init__.py", "", "VERSION = 1"),
        ("rmft/stages/score.py", "regret.regret(VALUE)", "regret.regret(-VALUE)"),
    ],
)
def test_changes(package, name, old, new):
    before, now = after(package, name, FILES[name].replace(old, new, 1))
    assert before != now


def test_follows_imports_in_functions_and_relative_ones(package):
    assert set(modules("rmft.stages.score", root=package)) == {
        "rmft",
        "rmft.core",
        "rmft.core.regret",
        "rmft.core.late",
        "rmft.stages",
        "rmft.stages.score",
        "rmft.stages.names",
    }


def test_the_rollout_does_not_hang_on_regret_and_score_does():
    assert "rmft.core.regret" not in modules("rmft.stages.rollout")
    assert "rmft.core.regret" in modules("rmft.stages.score")
    assert "rmft.core.tasks" in modules("rmft.stages.rollout")


@pytest.mark.parametrize("stage", ["score", "select", "tables", "growth", "claims", "draw", "report"])
def test_cheap_stages_have_no_torch_in_their_imports(stage):
    code = modules(f"rmft.stages.{stage}")
    assert ROOT.joinpath(f"rmft/stages/{stage}.py").is_file()
    assert [name for name, text in code.items() if "import torch" in text or "import transformers" in text] == []
