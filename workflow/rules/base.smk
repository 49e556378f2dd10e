# Policy_0 of every kind of model: trained here, ready-made, untrained, or sold by its provider, and then its bill.


rule pretrain:
    """Train the laptop's language model, from nothing, on dialogues of imperfect players."""
    output:
        model="results/models/{model}/model.safetensors",
        reading="results/models/{model}/reading.csv",
        finished="results/models/{model}/pretrain.json",
    log:
        "results/logs/pretrain/{model}.log",
    benchmark:
        "results/benchmarks/pretrain/{model}.tsv"
    priority: 1  # it takes all cores of a laptop: first, lest jobs of one core keep it waiting
    threads: pretraining_workers
    resources:
        slurm_partition=partition,
        gpu=gpus,
        nodes=1,
        gpu_model=gpu_model,
        mem_mb=memory,
        runtime=minutes,
    params:
        model=base_model,
        contexts=CONTEXTS,
        wording=crowd_wording,
        code=fingerprint("pretrain"),
    shell:
        "{PYTHON} -m rmft.stages.pretrain "
        "--name {wildcards.model} "
        "--model {params.model:q} "
        "--contexts {params.contexts} "
        "--output {output.finished} "
        "> {log} 2>&1"


rule base_policy:
    """Policy_0: the model as it is, before any selection."""
    input:
        pretrained="results/models/{model}/pretrain.json",
    output:
        policy="results/cells/{model}/{task}/base/seed{seed}/iter0/policy.json",
    log:
        "results/logs/base_policy/{model}/{task}/base/seed{seed}/iter0.log",
    benchmark:
        "results/benchmarks/base_policy/{model}/{task}/base/seed{seed}/iter0.tsv"
    wildcard_constraints:
        model=PRETRAINED_MODELS,
    group:
        iteration_job
    resources:
        slurm_partition=partition,
    params:
        model=base_model,
        code=fingerprint("base_policy"),
    shell:
        "{PYTHON} -m rmft.stages.base_policy "
        "--name {wildcards.model} "
        "--model {params.model:q} "
        "--pretrained {input.pretrained} "
        "--output {output.policy} "
        "> {log} 2>&1"


rule ready_policy:
    """Policy_0 of a model that is ready-made: from a folder, or by its name in a hub."""
    output:
        policy="results/cells/{model}/{task}/base/seed{seed}/iter0/policy.json",
    log:
        "results/logs/ready_policy/{model}/{task}/base/seed{seed}/iter0.log",
    benchmark:
        "results/benchmarks/ready_policy/{model}/{task}/base/seed{seed}/iter0.tsv"
    wildcard_constraints:
        model=READY_MODELS,
    group:
        iteration_job
    resources:
        slurm_partition=partition,
    params:
        model=ready_model,
        code=fingerprint("base_policy"),
    shell:
        "{PYTHON} -m rmft.stages.base_policy "
        "--name {wildcards.model} "
        "--model {params.model:q} "
        "--output {output.policy} "
        "> {log} 2>&1"


rule untrained_policy:
    """Policy_0 of a numeric model: a network that has seen nothing, one for each task and seed."""
    output:
        policy="results/cells/{model}/{task}/base/seed{seed}/iter0/policy.json",
    log:
        "results/logs/untrained_policy/{model}/{task}/base/seed{seed}/iter0.log",
    benchmark:
        "results/benchmarks/untrained_policy/{model}/{task}/base/seed{seed}/iter0.tsv"
    wildcard_constraints:
        model=NUMERIC_MODELS,
    group:
        iteration_job
    resources:
        slurm_partition=partition,
    params:
        model=untrained_model,
        task=task_entry,
        code=fingerprint("base_policy", "rmft.models.numbers"),
    shell:
        "{PYTHON} -m rmft.stages.base_policy "
        "--name {wildcards.model} "
        "--model {params.model:q} "
        "--task {params.task:q} "
        "--seed {wildcards.seed} "
        "--output {output.policy} "
        "> {log} 2>&1"


localrules:
    bill,


rule bill:
    """The bill of a closed model: tokens and dollars of every stage and cell; an error where max_usd does not cover it."""
    output:
        bill="results/api/{model}/bill.json",
    log:
        "results/logs/bill/{model}.log",
    benchmark:
        "results/benchmarks/bill/{model}.tsv"
    params:
        config=whole_config,
        contexts=CONTEXTS,
        wording=worded(config["tasks"].values()),
        code=fingerprint("bill"),
    shell:
        "{PYTHON} -m rmft.stages.bill "
        "--config {params.config:q} "
        "--model-name {wildcards.model} "
        "--contexts {params.contexts} "
        "--output {output.bill} "
        "2>&1 | tee {log}"
