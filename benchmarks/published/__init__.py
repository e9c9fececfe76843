"""The tables of results: what npae measured beside what others published. `python -m benchmarks.results` writes them.

    sources.py   measures.py        publications; what is measured, with units and formats
    reduction.py … speed.py         the rows of each table, in the order of docs/results.md
    table.py     grid.py            tables with a row per number, and tables of many numbers
    runs.py      summary.py         result files; what is made of all rows: headlines, runs, sources

A new row needs a result file in benchmarks/results and one `Row` in the table that it belongs to.
"""

from benchmarks.published import (
    anomalies,
    cells,
    faces,
    generative,
    hidden_states,
    pretraining,
    reduction,
    regularised,
    speed,
)
from benchmarks.published.summary import Headlines, RunsTable, Sources

TABLES = {
    "reduction": reduction.ROWS,
    "regularised": regularised.ROWS,
    "pretraining": pretraining.ROWS,
    "hidden_states": hidden_states.ENCODERS,
    "frameworks": hidden_states.FRAMEWORKS,
    "anomalies": anomalies.ROWS,
    "tables_semi": anomalies.SEMI,
    "tables_unsup": anomalies.UNSUP,
    "digits": anomalies.DIGITS,
    "generative": generative.ROWS,
    "faces": faces.ROWS,
    "face_samples": faces.SAMPLES,
    "cells_neighbours": cells.NEIGHBOURS,
    "cells_classes": cells.CLASSES,
    "cells_seconds": cells.SECONDS,
}
PAGES = {
    "README.md": {"headlines": Headlines(TABLES), "speed": speed.STEPS},
    "docs/results.md": TABLES | {"runs": RunsTable(TABLES), "sources": Sources(TABLES)},
}
