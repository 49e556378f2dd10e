import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import judged
import synthetic
import theorised


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a made-up experiment."""
    results = synthetic.write_results(tmp_path_factory.mktemp("figures"), 24, 6, 6, iterations=2)
    out = synthetic.write_tables(results, iterations=2)
    theorised.write(out)
    judged.write(out)
    return out


@pytest.fixture(scope="session")
def drawn(folder: Path) -> Path:
    """Every figure, drawn once."""
    from rmft.figures import FIGURES
    from rmft.stages import draw

    out = folder.parent / "figures"
    for name in FIGURES:
        files = [str(out / f"{name}.{kind}") for kind in ("pdf", "png", "csv")]
        assert draw.main(["--figure", name, "--tables", str(folder), "--output", *files]) == 0
    return out
