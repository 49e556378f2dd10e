# What the tables say of the runs themselves.


rule signatures:
    """Signs of a failed run, looked for in every cell; what is flagged is a warning in the log."""
    input:
        evaluation="results/tables/evaluation.csv",
        summary="results/tables/summary.csv",
        selection="results/tables/selection.csv",
        learning_curves="results/tables/learning_curves.csv",
        experiment="results/tables/experiment.json",
    output:
        signatures="results/tables/signatures.csv",
    log:
        "results/logs/signatures.log",
    benchmark:
        "results/benchmarks/signatures.tsv"
    params:
        bounds=signature_bounds,
        code=fingerprint("signatures"),
    shell:
        "{PYTHON} -m rmft.stages.signatures "
        "--tables results/tables "
        "--bounds {params.bounds:q} "
        "--output {output.signatures} "
        "> {log} 2>&1"


rule tracking:
    """Shares of episodes that play the best arm, by step and around a change of it."""
    input:
        summary="results/tables/summary.csv",
        experiment="results/tables/experiment.json",
        heldouts=MOVING_HELDOUTS,
        baselines=MOVING_BASELINES,
    output:
        tracking="results/tables/tracking.csv",
    log:
        "results/logs/tracking.log",
    benchmark:
        "results/benchmarks/tracking.tsv"
    params:
        code=fingerprint("tracking"),
    shell:
        "{PYTHON} -m rmft.stages.tracking "
        "--tables results/tables "
        "--results results "
        "--output {output.tracking} "
        "> {log} 2>&1"
