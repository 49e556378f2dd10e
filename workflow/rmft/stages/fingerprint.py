"""What a stage's code does, as a digest that the rules keep in their params.

A changed statement in the stage, or in any module of rmft that it imports, changes the digest, and the rule runs again;
a touched file, an edited comment or docstring does not. Standard library only: the Snakefile imports this.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def source(module: str, root: Path = ROOT) -> Path | None:
    """The file of a dotted module name below ``root``, or None (a name that is no module: a function, a class)."""
    stem = root / module.replace(".", "/")
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def imported(tree: ast.Module, package: str) -> set[str]:
    """Dotted names that the tree imports anywhere, in functions too; relative ones are seen from ``package``."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def is_text(node: ast.AST) -> bool:
    """Whether the node is a docstring or another string that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def statements(path: Path, package: str) -> tuple[str, frozenset[str]]:
    """A file's code without comments, docstrings and layout, and the names that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [child for child in node.body if not is_text(child)]
    return ast.unparse(tree), frozenset(imported(tree, package))


def modules(*names: str, root: Path = ROOT) -> dict[str, str]:
    """The statements of the named modules and of all that they import below ``root``, by module name."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = source(name, root)
        if path is None or name in found:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found[name], imports = statements(path, package)
        waiting += [package, name.rpartition(".")[0], *imports]
    return found


def fingerprint(stage: str, *others: str, root: Path = ROOT) -> str:
    """sha256 (16 hex digits) of what ``rmft.stages.{stage}`` does; ``others`` are modules that it imports by name."""
    code = modules(f"rmft.stages.{stage}", *others, root=root)
    return hashlib.sha256("\0".join(f"{name}\0{code[name]}" for name in sorted(code)).encode()).hexdigest()[:16]
