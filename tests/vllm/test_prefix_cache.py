"""What earlier prompts and replies have in common with the next is not processed again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from rmft.core.tasks import Task, draw_episodes
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech

SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32}
NEW, LENGTH = 48, 6144


@pytest.fixture(scope="module")
def policy(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A random model with a long context and the small one's tokenizer; what it says is no answer, and long."""
    folder, tokenizer = tmp_path_factory.mktemp("long"), AutoTokenizer.from_pretrained(tiny)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer), intermediate_size=96, max_position_embeddings=LENGTH, eos_token_id=1, **SHAPE
    )
    Qwen3ForCausalLM(config).float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {})


def test_within_a_block_of_all_that_was_said_before(policy: Policy, task: Task, played: Callable) -> None:
    """Dialogues of 40 steps, each asked twice, up to 5,000 tokens; played side by side, all prompts of all of them."""
    from rmft.models import vllm_engine

    engine = vllm_engine.engine_of(policy, Speech(), temperature=1.0, max_new_tokens=NEW)
    block, prompts, step = engine.core.vllm_config.cache_config.block_size, [], engine.core.step

    def watched() -> list:
        ended = step()
        for output in ended:
            said = len(output.outputs[0].token_ids)
            prompts.append(
                (int(output.request_id.split("-")[0]), len(output.prompt_token_ids), said, output.num_cached_tokens)
            )
        return ended

    long = replace(task, horizon=40)
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "test"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.core, "step", watched)
        records = played(engine, draw_episodes(long, **where, scenarios=range(6), per_scenario=1), long)
    assert max(len(record.token_ids) for record in records) > 4096
    before: dict[int, int] = {}
    for name, length, said, cached in prompts:
        if name in before:
            assert cached >= before[name] - block
        before[name] = length + said
    late = [(length, cached) for _, length, _, cached in prompts if length > 3500]
    share = sum(cached for _, cached in late) / sum(length for length, _ in late)
    print(f"{len(late)} prompts of 3,500 to {max(length for length, _ in late)} tokens: {share:.2%} were remembered")
    assert len(late) > 30
    assert share > 0.95
