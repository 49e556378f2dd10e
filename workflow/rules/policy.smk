# One iteration: policy_t rolls out, its trajectories are scored and selected, and what was selected trains policy_{t+1}.


include: "base.smk"


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
        nodes=1,
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
        nodes=1,
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
        nodes=1,
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
