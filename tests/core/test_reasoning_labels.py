"""How well reasonings are read: sentences as language models write them, labelled by hand for what they mean.

Labels were written for what a person takes a sentence to say; where the reader says less, recall is below 1 and stands here.
The patterns were mended on SENTENCES; UNSEEN were written and counted after that, and have mended one slip (A before a
bracket) alone: their recall is what to expect of other models. What is read is nearly always meant.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from rmft.core.phrases import phrases_from_config
from rmft.core.reasoning import Said, read_reasoning

PHRASES = phrases_from_config(yaml.safe_load((Path(__file__).parents[2] / "workflow/reasoning.yaml").read_text()))
NAMES = ("A", "B", "C")
EXPLORES, EXPLOITS = "explores", "exploits"


@dataclass(frozen=True)
class Labelled:
    """A sentence and what it says: the arm called best, averages by arm, and what the speaker is about to do."""

    text: str
    best: str | None = None
    averages: dict[str, float] | None = None
    does: str | None = None


SENTENCES = [
    Labelled("Button B has the highest average (0.63), so I'll stick with it.", "B", {"B": 0.63}, EXPLOITS),
    Labelled("I should try C since I haven't explored it.", does=EXPLORES),
    Labelled("Let me exploit.", does=EXPLOITS),
    Labelled("A: 0.5, B: 0.63 -> B looks best.", "B", {"A": 0.5, "B": 0.63}, EXPLOITS),
    Labelled("B is not the best."),
    Labelled("I don't think B is the best."),
    Labelled("A or B is the best."),
    Labelled("A and B are both the best so far."),
    Labelled("Is B the best?"),
    Labelled("I wonder which button is best."),
    Labelled("C might be the best, but I have not tried it yet.", does=EXPLORES),
    Labelled("If A is the best, I should press it."),
    Labelled("The best arm so far is C.", "C", does=EXPLOITS),
    Labelled("Highest average: B (0.71), then A (0.40).", "B", {"B": 0.71, "A": 0.4}, EXPLOITS),
    Labelled(
        "Based on the results, **Button C** has performed best with an average of 0.80.", "C", {"C": 0.8}, EXPLOITS
    ),
    Labelled("A's average is 0.25 and B's average is 0.75.", averages={"A": 0.25, "B": 0.75}),
    Labelled("The average of A is 0.35.", averages={"A": 0.35}),
    Labelled("So far the mean reward for B is about 0.52.", averages={"B": 0.52}),
    Labelled("B averages 0.44 over 5 pulls.", averages={"B": 0.44}),
    Labelled("A has an average of 0.5, B has 0.6.", averages={"A": 0.5, "B": 0.6}),
    Labelled("A paid 0.9 last time."),
    Labelled("The last reward of A was 0.9."),
    Labelled("A: 0.5, 0.7, 0.6."),
    Labelled("A: (0.5 + 0.7) / 2 = 0.6.", averages={"A": 0.6}),
    Labelled("B has a higher average than A (0.63 vs 0.5)."),
    Labelled("B is better than A."),
    Labelled("B has a higher average than the others.", "B", does=EXPLOITS),
    Labelled("B clearly outperforms the other buttons.", "B", does=EXPLOITS),
    Labelled("C is in the lead with 0.7 on average.", "C", {"C": 0.7}, EXPLOITS),
    Labelled("I'll go with A because it has the highest average.", "A", does=EXPLOITS),
    Labelled("B, which has the highest average, is my choice.", "B", does=EXPLOITS),
    Labelled("I should pick B, the best so far.", "B", does=EXPLOITS),
    Labelled("B is second best and A is the best.", "A", does=EXPLOITS),
    Labelled("B is the second best."),
    Labelled("B was the best at first."),
    Labelled("B is one of the best."),
    Labelled("It is best to explore now.", does=EXPLORES),
    Labelled("The best strategy is to try each button once.", does=EXPLORES),
    Labelled("I will do my best."),
    Labelled("C has the highest uncertainty, so I explore it.", does=EXPLORES),
    Labelled("To find the best button, I will test C next.", does=EXPLORES),
    Labelled("A good choice is B."),
    Labelled("A has paid the most so far.", "A", does=EXPLOITS),
    Labelled("I think B is the most promising option.", "B", does=EXPLOITS),
    Labelled("I'll pick an arm at random.", does=EXPLORES),
    Labelled("Let's gather more information about C.", does=EXPLORES),
    Labelled("I have explored enough; time to exploit B.", does=EXPLOITS),
    Labelled("There is no need to explore any further.", does=EXPLOITS),
    Labelled("I don't want to stick with A."),
    Labelled("I will keep pressing B.", does=EXPLOITS),
    Labelled("I will continue with A since it pays well.", does=EXPLOITS),
    Labelled("B seems best, but C is untested, so let me try it.", "B", does=EXPLORES),
    Labelled("Should I explore or exploit?"),
    Labelled("I must balance exploration and exploitation."),
    Labelled("C’s average isn’t 0.6."),
    Labelled(
        "A was tried 3 times and averages 0.2; B was tried 2 times and averages 0.8.", averages={"A": 0.2, "B": 0.8}
    ),
    Labelled("With 0.81 on average, C is the clear winner.", "C", {"C": 0.81}, EXPLOITS),
    Labelled("The reward of B is the highest at 0.9 avg.", "B", {"B": 0.9}, EXPLOITS),
    Labelled("Nothing beats B.", "B", does=EXPLOITS),
    Labelled("A has paid -0.12 on average.", averages={"A": -0.12}),
    Labelled("The worst button is A, the best one is C.", "C", does=EXPLOITS),
    Labelled("A beats C and C beats B.", "A", does=EXPLOITS),
    Labelled("I'd rather not explore any more."),
    Labelled("All buttons look the same to me."),
]
UNSEEN = [
    Labelled("Looking at the history, B gave me the most reward on average.", "B", does=EXPLOITS),
    Labelled("Since C has consistently yielded the highest returns, I'll choose C again.", "C", does=EXPLOITS),
    Labelled("My estimate for A is 0.45, for B it is 0.62.", averages={"A": 0.45, "B": 0.62}),
    Labelled("A (avg 0.31), B (avg 0.58), C (avg 0.44). B is ahead.", "B", {"A": 0.31, "B": 0.58, "C": 0.44}, EXPLOITS),
    Labelled("We know little about C, so it is worth a look.", does=EXPLORES),
    Labelled("I have only pressed C once; more data would help.", does=EXPLORES),
    Labelled("Button A is currently our top performer.", "A", does=EXPLOITS),
    Labelled("There's not enough evidence that B is best."),
    Labelled("B's mean reward of 0.66 beats A's 0.41.", averages={"B": 0.66, "A": 0.41}),
    Labelled("I will press B for exploration.", does=EXPLORES),
    Labelled("Time to exploit what we know and press A.", does=EXPLOITS),
    Labelled("The numbers favour C.", "C", does=EXPLOITS),
    Labelled("C used to be the best, now it pays little."),
    Labelled("I never tried A, so A it is.", does=EXPLORES),
    Labelled("Without further exploration I settle on B.", does=EXPLOITS),
    Labelled("The average reward from B (0.72) is greater than that from C (0.55).", averages={"B": 0.72, "C": 0.55}),
    Labelled("A seems optimal.", "A", does=EXPLOITS),
    Labelled("No button stands out yet."),
    Labelled("Let me give C another chance.", does=EXPLORES),
    Labelled("B had one lucky reward of 0.95, but A is the better bet overall.", "A", does=EXPLOITS),
    Labelled("It's too early to commit to B.", does=EXPLORES),
    Labelled("I'm going with the highest average, which is A at 0.77.", "A", {"A": 0.77}, EXPLOITS),
    Labelled("After 10 rounds the averages are A=0.3, B=0.55 and C=0.2.", averages={"A": 0.3, "B": 0.55, "C": 0.2}),
    Labelled("A and C look equally good."),
]
assert len({labelled.text for labelled in SENTENCES}) == len(SENTENCES) >= 60


def facts(labelled: Labelled) -> dict[str, set]:
    """What a label says, as facts of each kind."""
    averages = {(NAMES.index(name), average) for name, average in (labelled.averages or {}).items()}
    best = set() if labelled.best is None else {NAMES.index(labelled.best)}
    return {"best": best, "averages": averages} | {does: {does} & {labelled.does} for does in (EXPLORES, EXPLOITS)}


def found(said: Said) -> dict[str, set]:
    """The same of what was read."""
    does = {EXPLORES: {EXPLORES} if said.explores else set(), EXPLOITS: {EXPLOITS} if said.exploits else set()}
    return {"best": set() if said.best is None else {said.best}, "averages": set(said.averages)} | does


# kind: of SENTENCES, then of UNSEEN: (facts read that are meant, facts read, facts meant)
KNOWN = {
    "best": [(18, 18, 20), (4, 4, 8)],
    "averages": [(18, 18, 20), (10, 10, 13)],
    EXPLORES: [(9, 9, 9), (2, 2, 6)],
    EXPLOITS: [(21, 21, 24), (5, 5, 10)],
}


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize(("which", "sentences"), [(0, SENTENCES), (1, UNSEEN)], ids=["mended-on", "unseen"])
def test_precision_and_recall(which: int, sentences: list[Labelled], kind: str) -> None:
    both = read = meant = 0
    for labelled in sentences:
        wanted, got = facts(labelled)[kind], found(read_reasoning(labelled.text, NAMES, PHRASES))[kind]
        both, read, meant = both + len(wanted & got), read + len(got), meant + len(wanted)
        if wanted != got:
            print(f"{kind}: {labelled.text!r}: meant {wanted or 'nothing'}, read {got or 'nothing'}")
    print(f"{kind}: precision {both}/{read} = {both / read:.2f}, recall {both}/{meant} = {both / meant:.2f}")
    assert (both, read, meant) == KNOWN[kind][which]
