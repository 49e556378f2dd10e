# Figures and the report, from the tables alone.


rule draw:
    """One figure, as PDF and PNG."""
    input:
        tables=expand("results/tables/{table}.csv", table=TABLES),
    output:
        pdf="results/figures/{figure}.pdf",
        png="results/figures/{figure}.png",
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
        "--output {output.pdf} {output.png} "
        "> {log} 2>&1"


rule figures:
    """Every figure."""
    input:
        figures=expand("results/figures/{figure}.{kind}", figure=FIGURES, kind=["pdf", "png"]),


rule report:
    """One page with the figures, their captions, the main table and where it all came from."""
    input:
        tables=expand("results/tables/{table}.csv", table=TABLES),
        experiment="results/tables/experiment.json",
        figures=expand("results/figures/{figure}.png", figure=FIGURES),
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
