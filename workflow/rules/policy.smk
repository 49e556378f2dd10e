# One iteration: policy_t rolls out, its trajectories are scored and selected, and what was selected trains policy_{t+1}.


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


rule rollout_shard:
    """Every n-th chunk of a rollout; `rollout` puts them together, to the bytes of a rollout without shards."""
    input:
        policy=policy,
    output:
        finished=temp(
            "results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/rollout-{shard}-of-{shards}.json"
        ),
    log:
        "results/logs/rollout_shard/{model}/{task}/{method}/seed{seed}/iter{iteration}-{shard}-of-{shards}.log",
    benchmark:
        "results/benchmarks/rollout_shard/{model}/{task}/{method}/seed{seed}/iter{iteration}-{shard}-of-{shards}.tsv"
    threads: 1
    resources:
        slurm_partition=partition,
        gpu=gpus,
        gpu_model=gpu_model,
        mem_mb=memory,
        runtime=minutes,
    params:
        python=player_python,
        model=speech,
        task=task_entry,
        contexts=CONTEXTS,
        wording=task_wording,
        sampling=training_rollout,
        scenarios=training_scenarios,
        per_scenario=per_scenario,
        teacher=teacher,
        output=unsharded,
        code=rollout_code,
    shell:
        "{params.python} -m rmft.stages.rollout "
        "--policy {input.policy} "
        "--model {params.model:q} "
        "--task {params.task:q} "
        "--contexts {params.contexts} "
        "--sampling {params.sampling:q} "
        "--model-name {wildcards.model} "
        "--method {wildcards.method} "
        "--seed {wildcards.seed} "
        "--split train "
        "--scenarios {params.scenarios} "
        "--trajectories-per-scenario {params.per_scenario} "
        "--threads 1 "
        "{params.teacher} "
        "--shard {wildcards.shard}/{wildcards.shards} "
        "--finished {output.finished} "
        "--output {params.output} "
        "> {log} 2>&1"


rule rollout:
    """Policy_t, or the method's teacher in its stead, plays M training scenarios, L times each."""
    input:
        policy=policy,
        shards=shards,
        account=account,
    output:
        trajectories="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/trajectories.parquet",
    log:
        "results/logs/rollout/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/rollout/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    group:
        rollout_job
    threads: 1
    resources:
        slurm_partition=partition,
        gpu=gpus,
        gpu_model=gpu_model,
        mem_mb=memory,
        runtime=minutes,
    params:
        python=player_python,
        model=speech,
        task=task_entry,
        contexts=CONTEXTS,
        wording=task_wording,
        sampling=training_rollout,
        scenarios=training_scenarios,
        per_scenario=per_scenario,
        teacher=teacher,
        code=rollout_code,
    shell:
        "{params.python} -m rmft.stages.rollout "
        "--policy {input.policy} "
        "--model {params.model:q} "
        "--task {params.task:q} "
        "--contexts {params.contexts} "
        "--sampling {params.sampling:q} "
        "--model-name {wildcards.model} "
        "--method {wildcards.method} "
        "--seed {wildcards.seed} "
        "--split train "
        "--scenarios {params.scenarios} "
        "--trajectories-per-scenario {params.per_scenario} "
        "--threads 1 "
        "{params.teacher} "
        "--output {output.trajectories} "
        "> {log} 2>&1"


rule score:
    """The regret of every trajectory."""
    input:
        trajectories="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/trajectories.parquet",
    output:
        regret="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/regret.parquet",
    log:
        "results/logs/score/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/score/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    group:
        rollout_job
    resources:
        slurm_partition=partition,
    params:
        task=task_entry,
        code=fingerprint("score"),
    shell:
        "{PYTHON} -m rmft.stages.score "
        "--trajectories {input.trajectories} "
        "--task {params.task:q} "
        "--output {output.regret} "
        "> {log} 2>&1"


rule select:
    """Keep the k best trajectories of every scenario."""
    input:
        unpack(rollouts),
    output:
        selected="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/selected.jsonl",
        summary="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/selection.json",
    log:
        "results/logs/select/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/select/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    group:
        next_iteration_job
    resources:
        slurm_partition=partition,
    params:
        method=method_entry,
        code=fingerprint("select"),
    shell:
        "{PYTHON} -m rmft.stages.select "
        "--trajectories {input.trajectories} "
        "--regret {input.regret} "
        "--method {params.method:q} "
        "--output {output.selected} "
        "--summary {output.summary} "
        "> {log} 2>&1"


rule sft:
    """Policy_t: policy_(t-1) after supervised fine-tuning on what was selected from its rollouts."""
    input:
        unpack(parent),
        account=account,
    output:
        policy="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/policy.json",
        curve="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/sft.json",
    log:
        "results/logs/sft/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/sft/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    wildcard_constraints:
        method="(?!base/)[a-z0-9-]+",
        iteration="[1-9][0-9]*",
    group:
        iteration_job
    threads: 1
    resources:
        slurm_partition=partition,
        gpu=gpus,
        gpu_model=gpu_model,
        mem_mb=memory,
        runtime=minutes,
    params:
        python=trainer_python,
        model=fine_tuning,
        targets=targets,
        code=sft_code,
    shell:
        "{params.python} -m rmft.stages.sft "
        "--policy {input.policy} "
        "--trajectories {input.trajectories} "
        "--selected {input.selected} "
        "--model {params.model:q} "
        "--targets {params.targets} "
        "--seed {wildcards.seed} "
        "--iteration {wildcards.iteration} "
        "--threads 1 "
        "--processes {resources.gpu} "
        "--output {output.policy} "
        "> {log} 2>&1"
