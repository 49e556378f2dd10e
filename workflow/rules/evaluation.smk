# Every policy, and every model-free baseline, on held-out scenarios that are the same for all of them.


rule rollout_heldout:
    """Policy_t plays the held-out scenarios, once each."""
    input:
        policy="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/policy.json",
        account=account,
    output:
        heldout="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/heldout.parquet",
    log:
        "results/logs/rollout_heldout/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/rollout_heldout/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    group:
        evaluation_job
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
        suites=suites,
        contexts=CONTEXTS,
        wording=suite_wording,
        sampling=heldout_rollout,
        episodes=heldout_episodes,
        code=rollout_code,
    shell:
        "{params.python} -m rmft.stages.rollout "
        "--policy {input.policy} "
        "--model {params.model:q} "
        "--task {params.task:q} "
        "--suites {params.suites:q} "
        "--contexts {params.contexts} "
        "--sampling {params.sampling:q} "
        "--model-name {wildcards.model} "
        "--method {wildcards.method} "
        "--seed {wildcards.seed} "
        "--split heldout "
        "--scenarios {params.episodes} "
        "--threads 1 "
        "--output {output.heldout} "
        "> {log} 2>&1"


rule evaluate:
    """Regret and exploration of every held-out episode."""
    input:
        heldout="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/heldout.parquet",
    output:
        evaluation="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/evaluation.parquet",
    log:
        "results/logs/evaluate/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/evaluate/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    group:
        evaluation_job
    resources:
        slurm_partition=partition,
    params:
        task=task_entry,
        suites=suites,
        code=fingerprint("evaluate"),
    shell:
        "{PYTHON} -m rmft.stages.evaluate "
        "--heldout {input.heldout} "
        "--task {params.task:q} "
        "--suites {params.suites:q} "
        "--output {output.evaluation} "
        "> {log} 2>&1"


rule baseline:
    """A model-free policy on the same held-out scenarios."""
    output:
        evaluation="results/baselines/{task}/{baseline}.parquet",
        played="results/baselines/{task}/{baseline}.json",
    log:
        "results/logs/baseline/{task}/{baseline}.log",
    benchmark:
        "results/benchmarks/baseline/{task}/{baseline}.tsv"
    params:
        task=task_entry,
        baseline=baseline_entry,
        suites=suites,
        episodes=baseline_episodes,
        code=fingerprint("baseline"),
    shell:
        "{PYTHON} -m rmft.stages.baseline "
        "--task {params.task:q} "
        "--suites {params.suites:q} "
        "--baseline {params.baseline:q} "
        "--episodes {params.episodes} "
        "--output {output.evaluation} "
        "> {log} 2>&1"
