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
)


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
    return as_json({"sft": config["models"][wildcards.model]["sft"]})


def ready_model(wildcards):
    """What a ready-made model is: its entry, less how it is trained and run."""
    return as_json(without(config["models"][wildcards.model], *RUN_ALONE))


def speech(wildcards):
    """The part of the model's entry that says how it is run and spoken to."""
    entry = config["models"][wildcards.model]
    return as_json({} if numeric(wildcards.model) else {key: entry[key] for key in SPEECH if key in entry})


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
    return PYTHON if numeric(wildcards.model) else interpreter("sft")


def pretraining_workers(wildcards):
    """Processes of pretraining, one thread each."""
    return config["models"][wildcards.model]["pretraining"]["workers"]


def numeric_model(wildcards):
    """The architecture's entry with its name."""
    return as_json({"name": wildcards.architecture, **THEORY["policies"]["models"][wildcards.architecture]})


def kind_of(wildcards):
    """How a model speaks: the end of the names of the modules that play and train it."""
    return "numbers" if numeric(wildcards.model) else "words"


def rollout_code(wildcards):
    """Fingerprint of the rollout; the stage imports what plays, and what generates, by name."""
    words = [] if numeric(wildcards.model) else [engine_module(engine(wildcards))]
    return fingerprint("rollout", f"rmft.stages.rollout_{kind_of(wildcards)}", *words)


def probe_code(wildcards):
    """Fingerprint of the probe; the stage imports what generates by name."""
    return fingerprint("probe", engine_module(engine(wildcards)))


def sft_code(wildcards):
    """Fingerprint of the fine-tuning; the stage imports what trains by name."""
    return fingerprint("sft", f"rmft.stages.sft_{kind_of(wildcards)}")


def training_rollout(wildcards):
    """How training scenarios are played."""
    if not numeric(wildcards.model):
        return as_json(without(config["rollout"], "shards"))
    noise = {"exploration": config["models"][wildcards.model]["exploration"]}
    return as_json({key: NUMBERS[key] for key in ("chunk_episodes", "shared_rewards")} | noise)


def heldout_rollout(wildcards):
    """How held-out scenarios are played: the same, but for how many and how often, and without exploration."""
    if numeric(wildcards.model):
        return as_json({"chunk_episodes": NUMBERS["chunk_episodes"]})
    return as_json(without(config["rollout"], "scenarios", "trajectories_per_scenario", "shards"))


def policy_kind(model):
    """The kind of a model's rows in the tables."""
    return "numeric" if numeric(model) else "policy"


def crowd_wording(wildcards):
    """Digest of the words of all tasks that the model's crowd plays."""
    return worded(
        [config["tasks"][name] for name in config["models"][wildcards.model]["pretraining"]["crowd"]["tasks"]]
    )
