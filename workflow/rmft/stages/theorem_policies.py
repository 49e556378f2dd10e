"""How far from FTRL are other architectures that learnt the best policy in hindsight? Distances on common histories."""

from argparse import Namespace
from collections.abc import Sequence

import numpy as np
import torch

from rmft.core import theorem
from rmft.core.seeding import derive, generator
from rmft.core.statistics import intervals
from rmft.models.hindsight import Rewards, best_in_hindsight, course_of, train
from rmft.models.numeric import Numeric, make_numeric
from rmft.stages import program, theory
from rmft.stages.table_columns import bounded

TABLES = ("theorem_policies", "theorem_distances")
KEYS = ("arms", "horizon", "seeds", "steps", "batch", "learning_rate", "episodes")


def taught(model: dict, space: str, entry: dict, seed: int) -> Numeric:
    """A model of a config entry after training towards the best policy in hindsight."""
    named = derive("theorem-policies", space, model["name"], entry["arms"], entry["horizon"], seed)
    rewards = Rewards(theorem.standard(entry["arms"], entry["horizon"]), seed=derive("rewards", named))

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        shown = rewards.draw(batch)
        return shown, best_in_hindsight(shown, space)

    *_, (_, _, trained) = train(make_numeric(model, entry["arms"], seed=named), draw, course_of(entry))
    return trained.eval()


def common(space: str, entry: dict) -> dict[str, np.ndarray]:
    """Held-out rewards, the same for all models, and what plays on them without a model: FTRL with the closed form's step,
    and the foresight E[pi* | history], B x T x d each."""
    d, T = entry["arms"], entry["horizon"]
    rewards = generator("theorem-policies", "heldout", space, d, T).standard_normal((entry["episodes"], T, d))
    sums = rewards.cumsum(axis=1) - rewards
    known = [theorem.foresight(space, sums[:, t], T - t, np.eye(d)) for t in range(T)]
    ftrl = theorem.lazy_ftrl(space, sums, theorem.step(space, d, T, 1.0))
    return {"rewards": rewards, "ftrl": ftrl, "foresight": np.stack(known, axis=1)}


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Root mean square distance of two policies at each step, T."""
    return np.sqrt(((one - other) ** 2).sum(axis=-1).mean(axis=0))


def summary(space: str, world: dict[str, np.ndarray], played: np.ndarray, rng: np.random.Generator) -> dict:
    """Distances over all steps, the loss, and the regret with its interval and its difference to FTRL's."""
    rewards = world["rewards"]
    target = theorem.hindsight(space, rewards.sum(axis=1))[:, None]
    own, ftrl = (theorem.regret(space, rewards, policies) for policies in (played, world["ftrl"]))
    bounds = intervals([np.stack([own, own - ftrl], axis=1)], rng=rng)
    return {
        "to_ftrl": np.sqrt((apart(played, world["ftrl"]) ** 2).mean()),
        "to_foresight": np.sqrt((apart(played, world["foresight"]) ** 2).mean()),
        "loss": ((played - target) ** 2).sum(axis=(1, 2)).mean(),
        **dict(zip(bounded("regret", "difference"), bounds.ravel(), strict=True)),
    }


def work(args: Namespace) -> None:
    """Train each seed, play the common histories, and measure; then the two policies without a model."""
    entry = program.entry(args.grid, "--grid", *KEYS)
    model = program.entry(args.model, "--model", "name", "architecture")
    torch.set_num_threads(args.threads)
    world, rng = common(args.space, entry), generator("theorem-policies", "intervals", args.space)
    shown = torch.tensor(world["rewards"], dtype=torch.float32)
    play: dict[tuple[str, int | str], np.ndarray] = {}
    for seed in entry["seeds"]:
        raw = taught(model, args.space, entry, seed)(shown).detach().double().numpy()
        play[model["name"], seed] = theorem.project(args.space, raw)
    if model["architecture"] == "linear":  # the yardsticks, once
        play |= {("ftrl", "none"): world["ftrl"], ("foresight", "none"): world["foresight"]}
    of = {"space": args.space, "d": entry["arms"], "T": entry["horizon"]}
    rows, steps = [], []
    for (name, seed), played in play.items():
        rows.append({**of, "policy": name, "seed": seed, **summary(args.space, world, played, rng)})
        lines = zip(apart(played, world["ftrl"]), apart(played, world["foresight"]), strict=True)
        steps += [
            {**of, "policy": name, "seed": seed, "step": t, "to_ftrl": far, "to_foresight": near}
            for t, (far, near) in enumerate(lines, start=1)
        ]
        print(f"theorem_policies: {name}, seed {seed}: distance to FTRL {rows[-1]['to_ftrl']:.4f}", flush=True)
    theory.write_parts(args.output, dict(zip(TABLES, (rows, steps), strict=True)))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = theory.parser("theorem_policies", __doc__, "theory.policies without its models", TABLES)
    parser.add_argument("--model", required=True, help="the architecture's config entry with its name, JSON")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
