"""The figure and the tables of this study, from the sweep's results.

python experiments/accuracy_vs_compression/plot.py sweeps/accuracy_vs_compression-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from equal_budget import arguments  # noqa: E402
from methods import draw_over_xi, panels, tables  # noqa: E402

if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    draw_over_xi(tables(panels(sweep), out), out)
