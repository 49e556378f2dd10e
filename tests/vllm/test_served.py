"""The server that other tests may speak to says what the engine says."""

import sys
from pathlib import Path

from transformers import AutoModelForCausalLM

from rmft.models.families import FAMILIES, model_of, tokenizer_of

sys.path.insert(0, str(Path(__file__).parent))
from served import served


def test_a_chat_with_the_server(context, task, tmp_path: Path) -> None:
    """At temperature 0 what transformers' `generate` says to the same messages."""
    from openai import OpenAI

    family, folder = FAMILIES["llama"], tmp_path / "model"
    tokenizer = tokenizer_of(family)
    model_of(family, tokenizer, width=128, context_length=768).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    messages = [{"role": "user", "content": context.opening(task.horizon)}]
    with served(folder, "small", "--max-model-len", "768", log=tmp_path / "log") as address:
        client = OpenAI(base_url=address, api_key="none")
        said = client.chat.completions.create(model="small", messages=messages, temperature=0, max_tokens=12)
    model = AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert said.choices[0].message.content == tokenizer.decode(ids, skip_special_tokens=True)
    assert said.usage.prompt_tokens == prompt["input_ids"].shape[1]
