# Where means move: who plays the arm that is best now.


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
