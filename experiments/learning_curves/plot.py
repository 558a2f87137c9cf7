"""The figure and the tables of this study, from the sweep's results.

python experiments/learning_curves/plot.py sweeps/learning_curves-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from equal_budget import arguments  # noqa: E402
from methods import draw_curves, looks, panels, tables  # noqa: E402

if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    found = panels(sweep)
    tables(found, out)
    looks(found, out)
    draw_curves(next(iter(found.values())), out)
