"""Draw a channel beside its theory: `python -m channels rayleigh snr_db=10 doppler_hz=20 time=clarke`.

Writes one picture with every figure that makes sense for the kind, and the numbers behind it as CSV; prints how far measured
points and theory are apart. `python -m channels` alone lists the kinds. A channel inside another, and its knobs:
`python -m channels link_budget distance_m=80 bandwidth_hz=20e6 fading=rician fading.k_db=7 fading.coherence_s=0.01`.
"""

import argparse
import ast
import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from channels.base import Channel
from channels.curves import Figure, figures


def kinds() -> dict[str, type[Channel]]:
    """Every channel kind by its name: the file it is in."""
    found: dict[str, type[Channel]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if "(Channel)" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(f"channels.{path.stem}")
            for item in vars(module).values():
                if inspect.isclass(item) and issubclass(item, Channel) and item.__module__ == module.__name__:
                    found[path.stem] = item
    return found


def make(kind: str, knobs: Sequence[str]) -> Channel:
    """A channel from `name=value` pairs; the knobs of one inside it are `fading=rayleigh fading.coherence_s=0.1`.

    Raises ValueError with the kind's own words.
    """
    known = kinds()
    if kind not in known:
        raise ValueError(f"unknown channel {kind!r}; there are: {', '.join(known)}")
    values: dict[str, object] = {}
    inner: dict[str, list[str]] = {}
    for knob in knobs:
        name, given, text = knob.partition("=")
        if not given:
            raise ValueError(f"{knob!r} is not of the form name=value")
        head, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(head, []).append(f"{rest}={text}")
        else:
            values[name] = _value(text)
    for name, parameter in inspect.signature(known[kind]).parameters.items():
        if parameter.annotation is Channel and isinstance(values.get(name), str):
            values[name] = make(str(values[name]), [*_without_noise(known, str(values[name])), *inner.pop(name, [])])
    if inner:
        raise ValueError(f"{kind}: knobs of {', '.join(inner)} are given, but no channel is: such as fading=rayleigh")
    try:
        return known[kind](**values)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error


def _without_noise(known: dict[str, type[Channel]], kind: str) -> list[str]:
    """The knob that a channel inside another needs and that has no effect there."""
    return ["snr_db=0"] if kind in known and "snr_db" in inspect.signature(known[kind]).parameters else []


def _value(text: str) -> object:
    try:
        return int(text) if text.strip("+-").isdigit() else float(text)
    except ValueError:
        return ast.literal_eval(text) if text[:1] in "[({'\"" else {"true": True, "false": False}.get(text, text)


def draw(found: Sequence[Figure], out: Path) -> None:
    """All figures side by side in one picture."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(5.0 * len(found), 4.2), layout="constrained")
    for place, figure in zip(np.atleast_1d(picture.subplots(1, len(found))), found, strict=True):
        for number, curve in enumerate(figure.curves):
            colour = f"C{number}"
            if len(curve.theory):
                place.plot(curve.x, curve.theory, color=colour, label=curve.label)
            if len(curve.measured):
                seen = curve.measured > 0.0 if figure.log else np.ones(len(curve.x), dtype=bool)
                place.plot(curve.x[seen], curve.measured[seen], "o", color=colour, markersize=3)
        place.set(title=figure.title, xlabel=figure.x_label, ylabel=figure.y_label)
        if figure.log:
            place.set_yscale("log")
            place.set_ylim(bottom=1e-5, top=1.0)
        place.grid(visible=True, alpha=0.3)
        if any(len(curve.theory) for curve in figure.curves):
            place.legend(title="line: theory, dots: measured", fontsize="small", title_fontsize="small")
    picture.savefig(out)


def save(found: Sequence[Figure], out: Path) -> None:
    """The numbers behind the picture, one row a point."""
    rows = ["figure,curve,x,theory,measured"]
    for figure in found:
        for curve in figure.curves:
            columns = [values if len(values) else np.full(len(curve.x), np.nan) for values in (curve.theory, curve.measured)]
            rows += [
                f"{figure.name},{curve.label},{x!r},{t!r},{m!r}"
                for x, t, m in zip(curve.x.tolist(), *(c.tolist() for c in columns), strict=True)
            ]
    out.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m channels", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", nargs="?", help="channel kind; left out, the kinds are listed")
    parser.add_argument("knobs", nargs="*", help="its knobs as name=value")
    parser.add_argument("--out", type=Path, default=Path("channel.png"), help="picture (.png, .pdf, .svg)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.kind is None:
        for name, kind in kinds().items():
            print(f"{name:18} {(inspect.getdoc(kind) or '').partition(chr(10))[0]}")
        return 0
    try:
        found = figures(make(given.kind, given.knobs), given.seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not found:
        print(f"{given.kind} changes nothing: there is nothing to draw", file=sys.stderr)
        return 2
    draw(found, given.out)
    save(found, given.out.with_suffix(".csv"))
    for figure in found:
        for curve in figure.curves:
            if len(curve.theory) and len(curve.measured):
                apart = float(np.abs(curve.theory - curve.measured).max())
                print(f"{figure.name:12} {curve.label:14} largest difference from theory {apart:.3g}")
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
