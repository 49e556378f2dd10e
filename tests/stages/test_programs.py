"""What every stage's command line has in common."""

import importlib
import pkgutil
from argparse import ArgumentParser, Namespace

import pytest

import rmft.stages

PROGRAMS = sorted(
    name
    for _, name, _ in pkgutil.iter_modules(rmft.stages.__path__)
    if hasattr(importlib.import_module(f"rmft.stages.{name}"), "main")
)
OF_THE_ISSUE = {
    "pretrain",
    "base_policy",
    "rollout",
    "score",
    "select",
    "sft",
    "evaluate",
    "baseline",
    "tables",
    "report",
}


def test_every_stage_is_a_program() -> None:
    assert set(PROGRAMS) >= OF_THE_ISSUE


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_explains_every_flag(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ArgumentParser] = []

    def parse(parser: ArgumentParser, *_: object) -> Namespace:
        seen.append(parser)
        raise SystemExit(0)

    monkeypatch.setattr(ArgumentParser, "parse_args", parse)
    with pytest.raises(SystemExit):
        importlib.import_module(f"rmft.stages.{name}").main([])
    (parser,) = seen
    assert parser.description
    for action in parser._actions:
        assert action.help, action.option_strings
        assert "%(" not in action.help


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_is_printed_and_an_unknown_flag_refused(name: str, capsys: pytest.CaptureFixture) -> None:
    main = importlib.import_module(f"rmft.stages.{name}").main
    with pytest.raises(SystemExit) as asked:
        main(["--help"])
    assert asked.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")
    with pytest.raises(SystemExit) as wrong:
        main(["--no-such-flag", "1"])
    assert wrong.value.code == 2
