"""The figure and the tables of this study, from the sweep's results.

python experiments/codecs_cifar100/plot.py sweeps/codecs_cifar100-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from equal_budget import report  # noqa: E402

if __name__ == "__main__":
    report(__doc__, HERE)
