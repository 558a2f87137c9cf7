"""What is drawn: curves that share their axes, as numbers."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a figure.

    x         where
    theory    the closed form there, empty where there is none
    measured  what the channel does
    """

    label: str
    x: np.ndarray
    theory: np.ndarray
    measured: np.ndarray


@dataclass(frozen=True, slots=True)
class Figure:
    """Curves that share their axes."""

    name: str
    title: str
    x_label: str
    y_label: str
    log: bool = False
    curves: list[Curve] = field(default_factory=list)
