"""Ways to damage the text of a YAML file that lists and mappings alone cannot show."""

import random
import re
from collections.abc import Callable

Damage = Callable[[str, random.Random], str]
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
)
MAPPINGS = "\n".join(
    ["m0: &m0 {x: 1}"] + [f"m{i}: &m{i} {{{', '.join(f'k{j}: *m{i - 1}' for j in range(10))}}}" for i in range(1, 10)]
)
MERGES = "\n".join(
    ["g0: &g0 {x: 1}"] + [f"g{i}: &g{i} {{<<: [{', '.join([f'*g{i - 1}'] * 10)}]}}" for i in range(1, 10)]
)


def twice(text: str, rng: random.Random) -> str:
    """A key of a mapping in block style said twice, beside itself."""
    lines = text.splitlines()
    at = rng.choice([i for i, line in enumerate(lines) if re.match(r" *[a-z0-9_-]+: [^&{\[#\n]", line)])
    return "\n".join([*lines[: at + 1], lines[at], *lines[at + 1 :]]) + "\n"


def cut(text: str, rng: random.Random) -> str:
    """The text up to a random letter, in the middle of a word."""
    spots = [found.start() for found in re.finditer(r"(?<=[a-z]{2}): ", text)]
    return text[: rng.choice(spots)]


def tabbed(text: str, rng: random.Random) -> str:
    """A tab where spaces should be."""
    spots = [found.start() for found in re.finditer(r"(?<=\n)  (?=[a-z])", text)]
    at = rng.choice(spots)
    return f"{text[:at]}\t{text[at + 2 :]}"


def after(more: str) -> Damage:
    """The text with more after it."""
    return lambda text, rng: f"{text}\n{more}\n"


TEXTS: dict[str, Damage] = {
    "a key twice": twice,
    "cut off": cut,
    "a tab": tabbed,
    "empty": lambda text, rng: " ",
    "a comment alone": lambda text, rng: "# nothing\n",
    "a list": lambda text, rng: "- run\n- rollout\n",
    "a word": lambda text, rng: "run\n",
    "a number": lambda text, rng: "1\n",
    "two documents": after("---\nrun: {}"),
    "a bomb of lists": after(BOMB),
    "a bomb of mappings": after(MAPPINGS),
    "a bomb of merges": after(MERGES),
    "a bomb for an item": after(f"{BOMB}\nextra: *a9"),
    "itself": after("loop: &loop [*loop]"),
    "itself, a mapping": after("loop: &loop {a: *loop}"),
    "an anchor that is none": after("extra: *nowhere"),
    "a thousand brackets": after("extra: " + "[" * 1000 + "]" * 1000),
    "a million brackets": after("extra: " + "[" * 1_000_000),
    "a million braces": after("extra: " + "{a: " * 250_000),
    "Python objects": after("extra: !!python/object/apply:os.system ['touch PWNED']"),
    "a tag of somebody's": after("extra: !rmft {a: 1}"),
    "code by yte": after("__use_yte__: true\n?__import__('os').system('touch PWNED'): 1"),
    "a key that is a truth value": after("on: 1"),
    "a key that is a number": after("12: 1"),
    "a key that is nothing": after("null: 1"),
    "a key that is a list": after("? [a, b]\n: 1"),
    "a number of 5,000 digits": after("extra: " + "9" * 5000),
    "a date that is none": after("extra: 2026-13-45"),
    "a control character": after("extra: \x01"),
    "half a character": after("extra: \ud800"),
    "a byte order mark": lambda text, rng: f"\ufeff{text}",
    "Windows' line ends": lambda text, rng: text.replace("\n", "\r\n"),
    "a key of 100,000 letters": after(f"{'k' * 100_000}: 1"),
    "invisible letters": after("run\u200b: {}"),
}
