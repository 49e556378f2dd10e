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
    threads: pretraining_workers
    params:
        model=base_model,
        wording=wording("workflow/scenarios/buttons.yaml"),
        code=fingerprint("pretrain"),
    shell:
        "{PYTHON} -m rmft.stages.pretrain "
        "--name {wildcards.model} "
        "--model {params.model:q} "
        "--context workflow/scenarios/buttons.yaml "
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


rule rollout:
    """Policy_t plays M training scenarios, L times each."""
    input:
        policy="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/policy.json",
    output:
        trajectories="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/trajectories.parquet",
    log:
        "results/logs/rollout/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/rollout/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    threads: 1
    params:
        task=task_entry,
        context=context,
        wording=context_wording,
        sampling=training_rollout,
        scenarios=config["rollout"]["scenarios"],
        per_scenario=config["rollout"]["trajectories_per_scenario"],
        code=fingerprint("rollout"),
    shell:
        "{PYTHON} -m rmft.stages.rollout "
        "--policy {input.policy} "
        "--task {params.task:q} "
        "--context {params.context} "
        "--sampling {params.sampling:q} "
        "--model-name {wildcards.model} "
        "--method {wildcards.method} "
        "--seed {wildcards.seed} "
        "--split train "
        "--scenarios {params.scenarios} "
        "--trajectories-per-scenario {params.per_scenario} "
        "--threads 1 "
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
    threads: 1
    params:
        model=fine_tuning,
        code=fingerprint("sft"),
    shell:
        "{PYTHON} -m rmft.stages.sft "
        "--policy {input.policy} "
        "--trajectories {input.trajectories} "
        "--selected {input.selected} "
        "--model {params.model:q} "
        "--seed {wildcards.seed} "
        "--iteration {wildcards.iteration} "
        "--threads 1 "
        "--output {output.policy} "
        "> {log} 2>&1"
