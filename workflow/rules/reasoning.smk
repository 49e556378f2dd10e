# What policies in words say: their reasoning against the numbers, and what they think on histories that are fixed.


rule reason:
    """How the reasonings of policy_t agree with the histories that it was shown, held out."""
    input:
        heldout="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/heldout.parquet",
    output:
        reasoning="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/reasoning.parquet",
    log:
        "results/logs/reason/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/reason/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    wildcard_constraints:
        model=f"(?!({NUMERIC_MODELS})/)[a-z0-9-]+",
    group:
        evaluation_job
    resources:
        slurm_partition=partition,
    params:
        task=task_entry,
        suites=suites,
        contexts=CONTEXTS,
        wording=suite_wording,
        phrases=PHRASES,
        patterns=phrases_wording,
        code=fingerprint("reason"),
    shell:
        "{PYTHON} -m rmft.stages.reason "
        "--heldout {input.heldout} "
        "--task {params.task:q} "
        "--suites {params.suites:q} "
        "--contexts {params.contexts} "
        "--phrases {params.phrases} "
        "--output {output.reasoning} "
        "> {log} 2>&1"


rule probe:
    """What policy_t thinks on the task's fixed histories, traps among them."""
    input:
        policy="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/policy.json",
        account=account,
        # Nothing is read of them: so all of it is one cluster job, and nothing without a GPU stands beside this.
        before=ancient(
            expand(
                "results/cells/{{model}}/{{task}}/{{method}}/seed{{seed}}/iter{{iteration}}/{made}.parquet",
                made=["evaluation", "reasoning"],
            )
        ),
    output:
        probes="results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/probes.jsonl",
    log:
        "results/logs/probe/{model}/{task}/{method}/seed{seed}/iter{iteration}.log",
    benchmark:
        "results/benchmarks/probe/{model}/{task}/{method}/seed{seed}/iter{iteration}.tsv"
    wildcard_constraints:
        model=f"(?!({NUMERIC_MODELS})/)[a-z0-9-]+",
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
        contexts=CONTEXTS,
        wording=task_wording,
        phrases=PHRASES,
        patterns=phrases_wording,
        sampling=heldout_rollout,
        probe=as_json(config["probe"]),
        code=probe_code,
    shell:
        "{params.python} -m rmft.stages.probe "
        "--policy {input.policy} "
        "--model {params.model:q} "
        "--task {params.task:q} "
        "--contexts {params.contexts} "
        "--phrases {params.phrases} "
        "--sampling {params.sampling:q} "
        "--probe {params.probe:q} "
        "--threads 1 "
        "--output {output.probes} "
        "> {log} 2>&1"


rule reasoning_tables:
    """Gather both: of all policies, and of the base policy beside the last one of every run."""
    input:
        summary="results/tables/summary.csv",
        reasonings=REASONINGS,
        probes=PROBES,
    output:
        reasoning="results/tables/reasoning.csv",
        probes="results/tables/probes.csv",
    log:
        "results/logs/reasoning_tables.log",
    benchmark:
        "results/benchmarks/reasoning_tables.tsv"
    params:
        code=fingerprint("reasoning_tables"),
    shell:
        "{PYTHON} -m rmft.stages.reasoning_tables "
        "--summary {input.summary} "
        "--results results "
        "--output {output.reasoning} {output.probes} "
        "> {log} 2>&1"
