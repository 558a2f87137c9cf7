"""The figure and the table of this study, from the sweep's results.

python experiments/merge_vector/plot.py sweeps/merge_vector-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from by_edgesim import report  # noqa: E402

if __name__ == "__main__":
    report(__doc__, HERE)
