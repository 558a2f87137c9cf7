"""A comparison as text columns, LaTeX or CSV."""

import csv
import io
import re

from edgesim.report.compare import Comparison
from edgesim.report.estimate import CONFIDENCE, MISSING, Estimate, digits


def cells(comparison: Comparison, sign: str = "+-") -> tuple[list[str], list[list[str]]]:
    """Head and rows as text: keys, n, then for each metric its mean, and its difference where anything can be paired.

    What is over fewer seeds than n says so: `0.96 +- 0.02 (2)`.
    """
    paired = any(found for line in comparison.lines for found in line.difference.values())
    head = [*comparison.by, "n"]
    for name in comparison.metrics:
        head += [name, *([f"minus {comparison.baseline}"] if paired else [])]
    rows = []
    for line in comparison.lines:
        n = max((found.n for found in line.metrics.values() if found), default=0)
        row = [*line.keys, str(n)]
        for name in comparison.metrics:
            mean, difference = line.metrics[name], line.difference[name]
            row += [digits(mean, sign) + _fewer(mean, n)]
            row += [digits(difference, sign, signed=True) + _fewer(difference, n)] if paired else []
        rows.append(row)
    return head, rows


def _fewer(found: Estimate | None, n: int) -> str:
    return f" ({found.n})" if found is not None and found.n != n else ""


def as_latex(comparison: Comparison) -> str:
    """A table for the package booktabs."""
    head, rows = cells(comparison, r"\pm")
    keys = len(comparison.by)
    body = [
        [*map(_escaped, row[:keys]), *(f"${_powers(cell)}$" if cell != MISSING else "--" for cell in row[keys:])]
        for row in rows
    ]
    lines = [
        f"% means over n seeds with {100 * CONFIDENCE:.0f} % Student-t intervals; differences are paired by seed",
        rf"\begin{{tabular}}{{{'l' * keys}{'r' * (len(head) - keys)}}}",
        r"\toprule",
        " & ".join(map(_escaped, head)) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines)


def _powers(text: str) -> str:
    """1.2e+04 as 1.2 x 10^4."""
    return re.sub(r"e([+-]\d+)", lambda found: rf" \cdot 10^{{{int(found[1])}}}", text)


_SPECIAL = {each: f"\\{each}" for each in "&%$#_{}"}
_SPECIAL |= {"[": "{[}", "*": "{*}"}  # behind the end of a line they would belong to it
_SPECIAL |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def as_csv(comparison: Comparison) -> str:
    """Every number in full, one line a group and metric."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    numbers = ["n", "mean", "low", "high"]
    writer.writerow([*comparison.by, "metric", *numbers, "baseline", *(f"difference_{name}" for name in numbers)])
    for line in comparison.lines:
        for name in comparison.metrics:
            row = [*line.keys, name, *_numbers(line.metrics[name]), comparison.baseline, *_numbers(line.difference[name])]
            writer.writerow(row)
    return file.getvalue().rstrip("\n")


def _numbers(found: Estimate | None) -> list[str]:
    if found is None:
        return [""] * 4
    low, high = ("", "") if found.half is None else (repr(found.mean - found.half), repr(found.mean + found.half))
    return [str(found.n), repr(found.mean), low, high]
