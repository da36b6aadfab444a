"""Fit one published synthesizer to a table and draw from it, in the peer's own environment.

    python synthesize.py METHOD TRAIN.parquet ROWS OUT.parquet REPORT.json

TRAIN has text columns (categories) and whole-number columns. Each method gets the table with these types and
its package's default settings, unless stated here.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

NUMBERS = ("AGEP", "NP")
BOX = 600
CTGAN_EPOCHS, TVAE_EPOCHS = 10, 30


def sdv(table: pd.DataFrame, rows: int, kind: str):
    """SDV's synthesizers; the neural ones with fewer epochs than their default of 300, on the processor."""
    from sdv import single_table  # pyright: ignore[reportMissingImports]
    from sdv.metadata import Metadata  # pyright: ignore[reportMissingImports]

    columns = {n: {"sdtype": "numerical" if n in NUMBERS else "categorical"} for n in table.columns}
    metadata = Metadata.load_from_dict({"tables": {"people": {"columns": columns}}, "relationships": []})
    settings = {
        "GaussianCopulaSynthesizer": {},
        "CTGANSynthesizer": {"epochs": CTGAN_EPOCHS},
        "TVAESynthesizer": {"epochs": TVAE_EPOCHS},
    }[kind]
    extra = {} if kind.startswith("Gaussian") else {"enable_gpu": False}
    model = getattr(single_table, kind)(metadata, **settings, **extra)
    model.fit({"people": table})
    yield
    drawn = model.sample(num_rows=rows)
    yield drawn["people"] if isinstance(drawn, dict) else drawn


def arf(table: pd.DataFrame, rows: int):
    """Adversarial random forests (Watson et al., 2023), 10 trees as in the R package's default."""
    from arfpy import arf as package  # pyright: ignore[reportMissingImports]

    frame = table.astype({n: "category" for n in table.columns if n not in NUMBERS})
    model = package.arf(x=frame, num_trees=10, min_node_size=2, verbose=False)
    model.forde()
    yield
    yield model.forge(n=rows)


def bayes(table: pd.DataFrame, rows: int):
    """DataSynthesizer's Bayesian network, two parents a node, without its noise (epsilon 0)."""
    from DataSynthesizer.DataDescriber import DataDescriber  # pyright: ignore[reportMissingImports]
    from DataSynthesizer.DataGenerator import DataGenerator  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory() as folder:
        source, description = Path(folder) / "train.csv", Path(folder) / "description.json"
        table.to_csv(source, index=False)
        describer = DataDescriber(category_threshold=100)
        describer.describe_dataset_in_correlated_attribute_mode(
            dataset_file=str(source),
            epsilon=0,
            k=2,
            attribute_to_is_categorical=dict.fromkeys(table.columns, True),
            attribute_to_is_candidate_key=dict.fromkeys(table.columns, False),
        )
        describer.save_dataset_description_to_file(str(description))
        yield
        generator = DataGenerator()
        generator.generate_dataset_in_correlated_attribute_mode(rows, str(description))
        yield generator.synthetic_dataset


def tree(table: pd.DataFrame, rows: int):
    """A Bayesian network over the tree of Chow and Liu (1968), by pgmpy."""
    from pgmpy.estimators import TreeSearch  # pyright: ignore[reportMissingImports]
    from pgmpy.models import DiscreteBayesianNetwork  # pyright: ignore[reportMissingImports]

    frame = table.astype(str).astype("category")
    edges = TreeSearch(frame, root_node="AGEP").estimate(show_progress=False).edges()
    model = DiscreteBayesianNetwork(edges)
    model.fit(frame)
    yield
    yield model.simulate(n_samples=rows, show_progress=False, seed=1)


METHODS = {
    "copula": lambda table, rows: sdv(table, rows, "GaussianCopulaSynthesizer"),
    "ctgan": lambda table, rows: sdv(table, rows, "CTGANSynthesizer"),
    "tvae": lambda table, rows: sdv(table, rows, "TVAESynthesizer"),
    "arf": arf,
    "bayes": bayes,
    "tree": tree,
}


def main() -> None:
    method, train, rows, target, report = sys.argv[1:]
    table = pd.read_parquet(train)
    table = table.astype({name: object for name in table.columns if name not in NUMBERS})
    # Processor time, since the cores may be shared; the kernel ends a process that takes more than BOX.
    resource.setrlimit(resource.RLIMIT_CPU, (BOX, BOX))
    start = used()
    stages = METHODS[method](table, int(rows))
    next(stages)
    fitted = used()
    drawn = next(stages)
    done = used()
    numbers = drawn[list(table.columns)].apply(pd.to_numeric, errors="coerce").round()
    numbers.astype("Int64").to_parquet(target)
    Path(report).write_text(json.dumps({"fit": fitted - start, "draw": done - fitted}))


def used() -> float:
    """Processor seconds of this process and of its finished children."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
