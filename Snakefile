# Iterative Regret-Minimization Fine-Tuning: roll out, score, select, fine-tune, and again; then evaluate and draw.
from snakemake.utils import min_version

from rmft.stages.check_config import complaint, refuse
from rmft.stages.config_files import unreadable

min_version("9.0")
refuse(unreadable(["config.yaml", "config.laptop.yaml", *workflow.overwrite_configfiles]))


configfile: "config.yaml"


if config.get("door") == "laptop":

    configfile: "config.laptop.yaml"


refuse(complaint(config))


wildcard_constraints:
    model="[a-z0-9-]+",
    task="[a-z0-9-]+",
    method="[a-z0-9-]+",
    seed="[0-9]+",
    iteration="[0-9]+",
    baseline="[a-z0-9-]+",
    figure="[a-z_]+",


localrules:
    all,
    figures,
    draw,
    report,


include: "workflow/rules/common.smk"
include: "workflow/rules/cluster.smk"


rule all:
    input:
        EVERYTHING,
        expand("results/tables/{table}.csv", table=TABLES),
        expand("results/figures/{figure}.{format}", figure=FIGURES, format=["pdf", "png", "csv"]),
        "results/report.html",


include: "workflow/rules/policy.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reasoning.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
