# The theorem: what numeric models learn towards the best policy in hindsight, against closed forms (docs/theorem.md).


wildcard_constraints:
    space="ball|simplex",
    arms="[0-9]+",
    architecture="[a-z0-9-]+",


rule theorem:
    """Linear attention by gradient descent, at every T, s, covariance and seed of one space and number of arms."""
    output:
        "results/theory/{space}/d{arms}/theorem.csv",
        "results/theory/{space}/d{arms}/theorem_training.csv",
        "results/theory/{space}/d{arms}/theorem_matrices.csv",
        "results/theory/{space}/d{arms}/theorem_regret.csv",
    log:
        "results/logs/theorem/{space}/d{arms}.log",
    benchmark:
        "results/benchmarks/theorem/{space}/d{arms}.tsv"
    threads: 1
    params:
        grid=as_json(without(THEORY["theorem"], "arms")),
        code=fingerprint("theorem"),
    shell:
        "{PYTHON} -m rmft.stages.theorem "
        "--space {wildcards.space} "
        "--arms {wildcards.arms} "
        "--grid {params.grid:q} "
        "--threads 1 "
        "--output {output} "
        "> {log} 2>&1"


rule theorem_limit:
    """The same model trained on the k best of L noisy trajectories, for growing L."""
    output:
        "results/theory/{space}/limit/theorem_limit.csv",
    log:
        "results/logs/theorem_limit/{space}.log",
    benchmark:
        "results/benchmarks/theorem_limit/{space}.tsv"
    threads: 1
    params:
        grid=as_json(THEORY["limit"]),
        code=fingerprint("theorem_limit"),
    shell:
        "{PYTHON} -m rmft.stages.theorem_limit "
        "--space {wildcards.space} "
        "--grid {params.grid:q} "
        "--threads 1 "
        "--output {output} "
        "> {log} 2>&1"


rule theorem_policies:
    """Another architecture on the same loss, and its distance to FTRL on common histories."""
    output:
        "results/theory/{space}/policies/{architecture}/theorem_policies.csv",
        "results/theory/{space}/policies/{architecture}/theorem_distances.csv",
    log:
        "results/logs/theorem_policies/{space}/{architecture}.log",
    benchmark:
        "results/benchmarks/theorem_policies/{space}/{architecture}.tsv"
    threads: 1
    params:
        model=numeric_model,
        grid=as_json(without(THEORY["policies"], "models", "architectures")),
        code=fingerprint("theorem_policies"),
    shell:
        "{PYTHON} -m rmft.stages.theorem_policies "
        "--space {wildcards.space} "
        "--model {params.model:q} "
        "--grid {params.grid:q} "
        "--threads 1 "
        "--output {output} "
        "> {log} 2>&1"


rule theory_tables:
    """Put the tables of all theory cells together."""
    input:
        parts=THEORY_PARTS,
    output:
        theorem="results/tables/theorem.csv",
        training="results/tables/theorem_training.csv",
        matrices="results/tables/theorem_matrices.csv",
        regret="results/tables/theorem_regret.csv",
        limit="results/tables/theorem_limit.csv",
        policies="results/tables/theorem_policies.csv",
        distances="results/tables/theorem_distances.csv",
    log:
        "results/logs/theory_tables.log",
    benchmark:
        "results/benchmarks/theory_tables.tsv"
    params:
        code=fingerprint("theory_tables"),
    shell:
        "{PYTHON} -m rmft.stages.theory_tables "
        "--parts {input.parts} "
        "--output {output.theorem} {output.training} {output.matrices} {output.regret} {output.limit} {output.policies} {output.distances} "
        "> {log} 2>&1"
