"""The pictures of docs/benchmarks.md: SVG that depends on the figures alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.report import Chart

_COLORS = ("#00796b", "#e08a00", "#7b8794")
_TEXT, _BACKGROUND = "#1f2933", "#f8fafb"
_BAR = 0.26  # inches
# The type of its keys is known only where matplotlib is installed.
_STYLE: Any = {
    "svg.hashsalt": "cdk-workmail",
    "svg.fonttype": "none",
    "figure.constrained_layout.w_pad": 0.15,
    "figure.constrained_layout.h_pad": 0.1,
    "font.size": 10,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}


def draw(chart: Chart, folder: Path) -> None:
    """Writes the file that `chart.file` names, with its own light background."""
    with matplotlib.rc_context(_STYLE):
        inches = _BAR * len(chart.labels) * (len(chart.series) + 0.8) + 1.3
        figure = Figure(figsize=(7.6, inches), layout="constrained", facecolor=_BACKGROUND)
        axes = figure.subplots()
        axes.set_facecolor(_BACKGROUND)
        height = 0.8 / len(chart.series)
        for index, (name, values) in enumerate(chart.series.items()):
            places = [place + (index + 0.5) * height - 0.4 for place in range(len(values))]
            bars = axes.barh(places, values, height, label=name, color=_COLORS[index])
            texts = [chart.format(value) for value in values]
            # The box keeps the line off the figures.
            box = {"facecolor": _BACKGROUND, "edgecolor": "none", "pad": 1}
            axes.bar_label(bars, texts, padding=4, bbox=box)
        if chart.line:
            name, at = chart.line
            axes.axvline(at, color=_TEXT, linestyle="--", linewidth=1, label=name, zorder=0)
        axes.set_yticks(range(len(chart.labels)), chart.labels)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_title(chart.title, loc="left", fontsize=11)
        axes.set_xlabel(chart.axis)
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        path = folder / chart.file
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Title": chart.title})
