"""Where ready-made models lie: a folder, or the cache of the hub. Standard library only: the Snakefile looks here."""

import json
import os
import re
from pathlib import Path

PINNED = re.compile("[0-9a-f]{40}")


def cache() -> Path:
    """The folder of the hub's cache, by the variables that its own library reads."""
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or home) / "hub").expanduser()


def snapshot(hub: str, revision: str) -> Path:
    """The folder of a revision in the cache, whether it is there or not."""
    repository = cache() / f"models--{hub.replace('/', '--')}"
    named = repository / "refs" / revision
    commit = (
        named.read_text(encoding="utf-8").strip() if not PINNED.fullmatch(revision) and named.is_file() else revision
    )
    return repository / "snapshots" / commit


def lacking(folder: Path) -> str | None:
    """What a model's folder lacks to be one, or None: config, tokenizer, every file of its weights as safetensors."""
    if not folder.is_dir():
        return "the folder itself"
    if lost := [name for name in ("config.json", "tokenizer_config.json") if not (folder / name).is_file()]:
        return lost[0]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return None if any(folder.glob("*.safetensors")) else "model.safetensors"
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (AttributeError, KeyError, TypeError, ValueError):
        return f"a readable {index.name}"
    return next((name for name in shards if not (folder / name).is_file()), None)


def positions(folder: Path) -> int | None:
    """``positions_of`` of a model's config.json."""
    try:
        return positions_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def positions_of(config: dict) -> int | None:
    """Tokens that one conversation may have at most by a model's own config, or None where it does not say.

    Where the factors of its rotary embedding change with the length (longrope), only up to there: keys that were kept
    would stand by the factors of before.
    """
    try:
        config = config.get("text_config", config)
        scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
        changes = (scaling.get("rope_type") or scaling.get("type")) in ("longrope", "su", "dynamic")
        original = scaling.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
        return (original if changes and original else None) or config.get("max_position_embeddings")
    except (AttributeError, TypeError):
        return None


def folder_of(entry: dict) -> Path:
    """The folder of a model's config entry: its own, or that of its revision in the cache."""
    return Path(entry["local_path"]) if "local_path" in entry else snapshot(entry["hub"], entry["revision"])
