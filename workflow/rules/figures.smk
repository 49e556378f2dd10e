# Figures and the report, from the tables alone.


rule draw:
    """One figure, as PDF and PNG, and the rows that it shows."""
    input:
        tables=expand("results/tables/{table}.csv", table=TABLES),
    output:
        pdf="results/figures/{figure}.pdf",
        png="results/figures/{figure}.png",
        data="results/figures/{figure}.csv",
    log:
        "results/logs/draw/{figure}.log",
    benchmark:
        "results/benchmarks/draw/{figure}.tsv"
    params:
        code=figure_code,
    shell:
        "{PYTHON} -m rmft.stages.draw "
        "--figure {wildcards.figure} "
        "--tables results/tables "
        "--output {output.pdf} {output.png} {output.data} "
        "> {log} 2>&1"


rule figures:
    """Every figure."""
    input:
        figures=expand("results/figures/{figure}.{kind}", figure=FIGURES, kind=["pdf", "png", "csv"]),
        manifest="results/figures/manifest.json",


rule manifest:
    """Of every figure: which claims, cells, tables, and whether it shows anything."""
    input:
        data=expand("results/figures/{figure}.csv", figure=FIGURES),
    output:
        manifest="results/figures/manifest.json",
    log:
        "results/logs/manifest.log",
    benchmark:
        "results/benchmarks/manifest.tsv"
    params:
        entries="workflow/figures.yaml",
        wording=wording("workflow/figures.yaml"),
        code=fingerprint("manifest"),
    shell:
        "{PYTHON} -m rmft.stages.manifest "
        "--entries {params.entries} "
        "--figures results/figures "
        "--output {output.manifest} "
        "> {log} 2>&1"


rule report:
    """One page of all: findings, claims, figures, signs of failure, tables, reasonings, cells, provenance."""
    input:
        tables=expand("results/tables/{table}.csv", table=TABLES),
        experiment="results/tables/experiment.json",
        figures=expand("results/figures/{figure}.png", figure=FIGURES),
        manifest="results/figures/manifest.json",
        claims="results/claims.json",
    output:
        report="results/report.html",
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    params:
        captions=captions_wording,
        config=whole_config,
        code=fingerprint("report"),
    shell:
        "{PYTHON} -m rmft.stages.report "
        "--tables results/tables "
        "--figures results/figures "
        "--captions workflow/report "
        "--benchmarks results/benchmarks "
        "--config {params.config:q} "
        "--output {output.report} "
        "> {log} 2>&1"
