"""YAML files, read with a check: plain data, no key twice, and nothing that is larger or deeper than a person would write.

YAML lets a few lines stand for more than any memory holds (aliases of aliases), takes the last of two equal keys in
silence, and reads `on` as a truth value: each is refused, with its line.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

VALUES = 100_000  # in one file, aliases written out; config.yaml has some 2,500
DEPTH = 50  # of mappings and lists within each other
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is there: every cluster job reads the config
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


def read_yaml(path: Path) -> object:
    """What a YAML file says. Raises ValueError in one line, naming the file, the line and the mend, where it is not one."""
    try:
        return _read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())}); mend it") from None


def _read(text: str) -> object:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):  # before any tree is built: that goes as deep as the text does
        opens, closes = isinstance(event, yaml.CollectionStartEvent), isinstance(event, yaml.CollectionEndEvent)
        if (depth := depth + opens - closes) > DEPTH:
            raise ValueError(f"{_line(event)} is deeper than {DEPTH} levels")
    loader = _LOADER(text)
    try:
        if (node := loader.get_single_node()) is None:
            return None
        _size(node, (), {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _line(said: yaml.Node | yaml.Event) -> str:
    return f"line {said.start_mark.line + 1}"


def _size(node: yaml.Node, place: tuple[str, ...], sizes: dict[int, int | None]) -> int:
    """Values in a node with all aliases written out; ``sizes``: those known, None of a node that is being reckoned."""
    if (known := sizes.get(id(node), 0)) is None:
        raise ValueError(f"{_line(node)}, {'.'.join(place)}: holds itself")
    if known:
        return known
    sizes[id(node)] = None
    size = 1 + sum(_size(child, at, sizes) for child, at in _children(node, place))
    if size > VALUES:
        raise ValueError(
            f"{_line(node)}, {'.'.join(place)}: stands for more than {VALUES:,} values, aliases written out"
        )
    sizes[id(node)] = size
    return size


def _children(node: yaml.Node, place: tuple[str, ...]) -> Iterator[tuple[yaml.Node, tuple[str, ...]]]:
    """What a node holds, each with its place. Raises ValueError for keys that are no words, and for a key twice."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((child, (*place, str(i))) for i, child in enumerate(node.value))
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.tag not in (_TEXT, _MERGE):
            said = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise ValueError(f"{_line(key)}, {'.'.join(place)}: the key {said!r} is no word; put it in quotes")
        at = (*place, key.value)
        if key.value in seen:
            raise ValueError(f"{_line(key)}, {'.'.join(at)}: stands twice, and one would be lost; keep one")
        seen.add(key.value)
        yield value, at
