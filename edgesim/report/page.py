"""The look of every figure: print widths, type that can be edited, colours that survive a printer without any."""

import contextlib
import csv
import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgesim.record import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.legend import Legend

COLUMN = 3.5  # inches: one column of a two-column paper (IEEE)
PAGE = 7.16  # inches: both columns
LONGEST_NAME = 32  # characters of a curve's name in a picture
LEGEND_LINES = 2  # of a legend that a picture has room for
LEGEND_LINE = 0.16  # inches that a further one takes
SHARE_MARGIN = 0.02  # beyond 0 and 1, so that marks there are whole
RESOLUTION = 300  # dots per inch of the PNG
# Okabe and Ito's palette, which colour-blind readers tell apart, ordered so that neighbours differ in lightness too.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "////", "....", "\\\\\\\\", "xx", "--", "++")
HEAT = "cividis"  # lightness rises evenly, so that grey says the same
STYLE: Any = {  # matplotlib types every key of its own
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "text.parse_math": False,  # a user's name may hold a dollar
    "pdf.fonttype": 42,  # TrueType outlines: publishers refuse type 3, and text stays text
    "ps.fonttype": 42,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
}


def line(number: int) -> dict[str, Any]:
    """How the curve of that number is drawn: colour, dashes and marker all differ from its neighbours'."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def filling(number: int) -> dict[str, Any]:
    """How the bar of that number is filled."""
    colour = COLOURS[1:][number % (len(COLOURS) - 1)]
    return {"facecolor": colour, "hatch": HATCHES[number % len(HATCHES)], "edgecolor": "black", "linewidth": 0.4}


def curve(place: "Axes", number: int, label: str, rows: Sequence[Mapping[str, Any]], x: str, *, band: bool = False) -> None:
    """Draw rows with the columns of `interval` over their column x; intervals as bars, or as a band."""
    style = line(number)
    known = [row for row in rows if row["low"] is not None]
    if band:
        place.plot([row[x] for row in rows], [row["mean"] for row in rows], label=label, **style)
        at, low, high = ([row[key] for row in known] for key in (x, "low", "high"))
        place.fill_between(at, low, high, facecolor=style["color"], alpha=0.2, linewidth=0)
    else:
        halves = [0.0 if row["high"] is None else row["high"] - row["mean"] for row in rows]
        means = [row["mean"] for row in rows]
        place.errorbar([row[x] for row in rows], means, yerr=halves if known else None, label=label, capsize=2, **style)


def logarithmic(place: "Axes", which: Literal["x", "y"]) -> None:
    """Make that axis logarithmic; its numbers are plain text, since nothing is read as mathematics."""
    place.set(**{f"{which}scale": "log"})
    axis = place.xaxis if which == "x" else place.yaxis
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def shares(place: "Axes") -> None:
    """Show no more of the axis y than 0 to 1, where a share such as accuracy can be; an interval may reach further."""
    low, high = place.get_ylim()
    place.set_ylim(max(low, -SHARE_MARGIN), min(high, 1.0 + SHARE_MARGIN))


def legend(picture: "Picture", place: "Axes", columns: int) -> None:
    """Name what `place` shows above the whole picture, where it shows more than one thing; many names make it higher."""
    handles, names = place.get_legend_handles_labels()
    shown = dict(zip(reversed(names), reversed(handles), strict=True))  # of one name the first
    if len(shown) > 1:
        order = list(dict.fromkeys(names))
        words = [shown[name] for name in order], [*map(short, order)]
        ncols = min(len(order), columns)
        while _is_wide(key := picture.legend(*words, loc="outside upper center", ncols=ncols)) and ncols > 1:
            key.remove()
            ncols -= 1
        lines = math.ceil(len(order) / ncols)
        picture.set_figheight(picture.get_figheight() + LEGEND_LINE * max(lines - LEGEND_LINES, 0))


def _is_wide(key: "Legend") -> bool:
    """Whether it reaches beyond its picture."""
    picture = key.get_figure(root=True)
    assert picture is not None
    with _foreign_letters():
        return bool(key.get_window_extent().width > picture.bbox.width)


@contextlib.contextmanager
def _foreign_letters() -> Iterator[None]:
    """A letter that the font lacks is drawn as a box, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def short(name: str) -> str:
    """A name as it fits a legend or an axis."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def image(picture: "Picture", suffix: str, **options: Any) -> bytes:
    """The picture as a file of that format; fonts, too, follow the style."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context(STYLE), _foreign_letters():
        picture.savefig(content, format=suffix, **options)
    return content.getvalue()


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV; numbers read back equal."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: repr(value) if isinstance(value, float) else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def save(picture: "Picture", rows: Sequence[Mapping[str, Any]], folder: Path, name: str) -> list[Path]:
    """Write `name`.pdf, .png and .csv, each whole or not at all, and give their paths."""
    contents = {
        "pdf": image(picture, "pdf", metadata={"CreationDate": None}),
        "png": image(picture, "png", dpi=RESOLUTION),
        "csv": as_csv(rows).encode(),
    }
    return [atomic.write_bytes(folder / f"{name}.{suffix}", content) for suffix, content in contents.items()]
