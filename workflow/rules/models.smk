# What a rule may see of a model's entry, the code that plays and trains it, and the interpreter of both.


PRETRAINED_MODELS = "|".join(name for name, entry in config["models"].items() if entry["kind"] == "pretrain") or "none"
READY_MODELS = (
    "|".join(n for n, entry in config["models"].items() if entry["kind"] not in ("pretrain", "numeric")) or "none"
)
NUMERIC_MODELS = "|".join(model for model in config["models"] if numeric(model)) or "none"
# What a job of a ready-made model asks for, and how it is trained and run, is no part of what it is.
RUN_ALONE = (
    "sft",
    "resources",
    "tokens_per_step",
    "billions",
    "engine",
    "dtype",
    "context_length",
    *"system_role history stop template vllm".split(),
    *"terms max_new_tokens length temperature seed parameters".split(),
)
# What a job that asks a closed model has to know of it; on which terms it asks and pays stands in its bill.
SERVED = "model base_url length temperature seed system_role parameters max_new_tokens".split()
ALL_EPISODES = 1_000_000  # a closed model plays all its episodes together: it needs no chunks to go on from


def untrained_model(wildcards):
    """The entry of a numeric model, less what fine-tunes it and how it explores."""
    return as_json(without(config["models"][wildcards.model], "sft", "exploration", "resources"))


def base_model(wildcards):
    """The model's entry, less what fine-tunes it, with the tasks that its crowd plays."""
    entry = without(config["models"][wildcards.model], "sft", "resources", "engine", "vllm")
    training = entry["pretraining"]
    tasks = {name: {"share": share, **config["tasks"][name]} for name, share in training["crowd"]["tasks"].items()}
    return as_json({**entry, "pretraining": {**training, "crowd": {**training["crowd"], "tasks": tasks}}})


def fine_tuning(wildcards):
    """The part of the model's entry that fine-tunes it."""
    return as_json({"sft": config["models"][wildcards.model]["sft"], **served(wildcards.model)})


def ready_model(wildcards):
    """What a ready-made model is: its entry, less how it is trained and run."""
    return as_json(without(config["models"][wildcards.model], *RUN_ALONE))


def speech(wildcards):
    """The part of the model's entry that says how it is run and spoken to."""
    entry = config["models"][wildcards.model]
    words = {} if numeric(wildcards.model) else {key: entry[key] for key in SPEECH if key in entry}
    return as_json(served(wildcards.model) or words)


def closed(model):
    """Whether a model is asked over its provider's API."""
    return config["models"][model]["kind"] == "api"


def served(model):
    """What is said of a closed model to who asks it: as it is served, and its account's folder; nothing of others."""
    entry = config["models"][model]
    return (
        {**{key: entry[key] for key in SERVED if key in entry}, "account": f"results/api/{model}"}
        if closed(model)
        else {}
    )


def account(wildcards):
    """The bill of a closed model, which comes before anything is asked; a new one is no reason to ask again."""
    return ancient(f"results/api/{wildcards.model}/bill.json") if closed(wildcards.model) else []


def engine(wildcards):
    """What generates the words of a model."""
    return config["models"][wildcards.model].get("engine", "transformers")


def interpreter(name):
    """The interpreter of config.pythons, or the one that all else has."""
    return shlex.quote(config["pythons"][name]) if name in config.get("pythons", {}) else PYTHON


def player_python(wildcards, threads):
    """The interpreter of what plays. As a function of ``threads``, which it does not read, it is no reason to run again."""
    return interpreter(engine(wildcards))


def trainer_python(wildcards, threads):
    """The interpreter of what fine-tunes; as above."""
    return PYTHON if kind_of(wildcards) != "words" else interpreter("sft")


def pretraining_workers(wildcards):
    """Processes of pretraining, one thread each."""
    return config["models"][wildcards.model]["pretraining"]["workers"]


def numeric_model(wildcards):
    """The architecture's entry with its name."""
    return as_json({"name": wildcards.architecture, **THEORY["policies"]["models"][wildcards.architecture]})


def kind_of(wildcards):
    """How a model speaks: the end of the names of the modules that play and train it."""
    return "api" if closed(wildcards.model) else "numbers" if numeric(wildcards.model) else "words"


def rollout_code(wildcards):
    """Fingerprint of the rollout; the stage imports what plays, and what generates, by name."""
    words = [engine_module(engine(wildcards))] if kind_of(wildcards) == "words" else []
    return fingerprint("rollout", f"rmft.stages.rollout_{kind_of(wildcards)}", *words)


def probe_code(wildcards):
    """Fingerprint of the probe; the stage imports what generates by name."""
    asked = "rmft.stages.rollout_api" if closed(wildcards.model) else engine_module(engine(wildcards))
    return fingerprint("probe", asked)


def sft_code(wildcards):
    """Fingerprint of the fine-tuning; the stage imports what trains by name."""
    return fingerprint("sft", f"rmft.stages.sft_{kind_of(wildcards)}")


def training_rollout(wildcards):
    """How training scenarios are played."""
    if not numeric(wildcards.model):
        return as_json(spoken(wildcards.model, "shards"))
    noise = {"exploration": config["models"][wildcards.model]["exploration"]}
    return as_json({key: NUMBERS[key] for key in ("chunk_episodes", "shared_rewards")} | noise)


def heldout_rollout(wildcards):
    """How held-out scenarios are played: the same, but for how many and how often, and without exploration."""
    if numeric(wildcards.model):
        return as_json({"chunk_episodes": NUMBERS["chunk_episodes"]})
    return as_json(spoken(wildcards.model, "scenarios", "trajectories_per_scenario", "shards"))


def spoken(model, *less):
    """How a model in words plays, less some keys; a closed one has its own cap on replies."""
    said = without(config["rollout"], *less)
    return {**without(said, "max_new_tokens"), "chunk_episodes": ALL_EPISODES} if closed(model) else said


def policy_kind(model):
    """The kind of a model's rows in the tables."""
    return "numeric" if numeric(model) else "policy"


def crowd_wording(wildcards):
    """Digest of the words of all tasks that the model's crowd plays."""
    return worded(
        [config["tasks"][name] for name in config["models"][wildcards.model]["pretraining"]["crowd"]["tasks"]]
    )
