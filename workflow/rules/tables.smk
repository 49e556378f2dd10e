# The tables: all that figures and report read.


rule tables:
    """Gather the results of the selected cells and baselines."""
    input:
        evaluations=EVALUATIONS,
        regrets=REGRETS,
        selections=SELECTIONS,
        trainings=TRAININGS,
        baselines=BASELINES,
        pretrainings=PRETRAININGS,
    output:
        evaluation="results/tables/evaluation.csv",
        curves="results/tables/curves.csv",
        suff_fail="results/tables/suff_fail.csv",
        summary="results/tables/summary.csv",
        comparisons="results/tables/comparisons.csv",
        selection="results/tables/selection.csv",
        selected_regret="results/tables/selected_regret.csv",
        calibration="results/tables/calibration.csv",
        reading="results/tables/reading.csv",
        learning_curves="results/tables/learning_curves.csv",
        cells="results/tables/cells.csv",
        experiment="results/tables/experiment.json",
        sums="results/tables/SHA256SUMS",
    log:
        "results/logs/tables.log",
    benchmark:
        "results/benchmarks/tables.tsv"
    params:
        selection=selection,
        code=fingerprint("tables"),
    shell:
        "{PYTHON} -m rmft.stages.tables "
        "--results results "
        "--selection {params.selection:q} "
        "--output results/tables "
        "> {log} 2>&1"
