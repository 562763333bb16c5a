# Runs every entry of data/runs.yaml that is not fresh: one rule, one notebook.
# `--config runs=FILE real=1` chooses other entries. Any executor plugin of Snakemake works unchanged.
import os
import sys

from analysis import paths, plan as planning

planned = planning.plan(planning.entries(Path(config["runs"]) if "runs" in config else None, bool(config.get("real"))))
stale = [p for p in planned if not p.stamp.exists()]


rule all:
    input:
        [p.stamp for p in planned],


rule study:
    input:
        str(paths.build() / "plans/{study}/{name}.json"),
    output:
        touch(str(paths.build() / "plans/{study}/{name}.done")),
    log:
        str(paths.build() / "logs/{study}/{name}.log"),
    threads: max(1, workflow.cores // max(1, len(stale)))
    params:
        python=sys.executable,
        parent=os.getpid(),
    shell:
        # one thread per worker, `threads` workers; the run takes the shell's place: it is Snakemake's child, and ends with it
        "export OMP_NUM_THREADS=1 ANALYSIS_WORKERS={threads} ANALYSIS_PARENT={params.parent}; "
        "exec {params.python:q} -P -m analysis run --plan {input:q} > >(tee {log:q}) 2>&1"
