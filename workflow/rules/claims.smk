# How regret grows, and a verdict for every claim of workflow/claims.yaml.


rule growth:
    """Growth exponents of every policy and baseline, and their change by training."""
    input:
        evaluations=EVALUATIONS,
        selections=SELECTIONS,
        baselines=BASELINES,
    output:
        growth="results/tables/growth.csv",
    log:
        "results/logs/growth.log",
    benchmark:
        "results/benchmarks/growth.tsv"
    params:
        selection=selection,
        code=fingerprint("growth"),
    shell:
        "{PYTHON} -m rmft.stages.growth "
        "--results results "
        "--selection {params.selection:q} "
        "--output {output.growth} "
        "> {log} 2>&1"


rule claims:
    """A verdict for every claim on every model and task, or what would run it."""
    input:
        tables=expand("results/tables/{table}.csv", table=CLAIM_TABLES),
    output:
        claims="results/claims.json",
        page="results/claims.md",
    log:
        "results/logs/claims.log",
    benchmark:
        "results/benchmarks/claims.tsv"
    params:
        experiment=experiment,
        stated=claims_wording,
        code=fingerprint("claims"),
    shell:
        "{PYTHON} -m rmft.stages.claims "
        "--claims workflow/claims.yaml "
        "--tables {input.tables} "
        "--experiment {params.experiment:q} "
        "--output {output.claims} {output.page} "
        "> {log} 2>&1"
