"""What a run found: a table for people, JSON for comparison, and a plot."""

import json
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no display is needed to write a file
import matplotlib.pyplot as plt


@dataclass(frozen=True)
class Goal:
    """What a figure should be: at least (`sign` ≥) or at most (≤) `value`."""

    sign: str
    value: float

    def met(self, figure: float) -> bool:
        return figure >= self.value if self.sign == "≥" else figure <= self.value


GOALS: dict[tuple[str, str], Goal] = {
    ("parts", "REST two-way, 64 in flight / reference"): Goal("≥", 0.45),
    ("one", "REST two-way, 64 in flight / reference"): Goal("≥", 0.60),
    ("parts", "REST two-way, 64 in flight / FastAPI + aiomqtt + Mosquitto"): Goal("≥", 5),
    ("one", "REST two-way, 64 in flight / FastAPI + aiomqtt + Mosquitto"): Goal("≥", 6),
    ("parts", "REST two-way, 256 in flight / 64 in flight"): Goal("≥", 0.9),
    ("one", "REST two-way, 256 in flight / 64 in flight"): Goal("≥", 0.9),
    ("parts", "REST two-way p50, one in flight / reference p50"): Goal("≤", 12),
    ("one", "REST two-way p50, one in flight / reference p50"): Goal("≤", 3),
    ("parts", "gRPC CallStream two-way, 512 in flight / reference"): Goal("≥", 1.2),
    ("parts", "gRPC unary two-way, 64 in flight / empty unary echo"): Goal("≥", 0.5),
    ("parts", "small calls' p50 beside 64 callers of 64 KB / without"): Goal("≤", 8),
    ("parts", "REST one-way p50, one in flight / two-way's"): Goal("≤", 1.1),
    ("one", "REST one-way p50, one in flight / two-way's"): Goal("≤", 1.1),
    ("parts", "stored call, 64 in flight / two-way (SQLite)"): Goal("≥", 0.35),
    ("one", "stored call, 64 in flight / two-way (SQLite)"): Goal("≥", 0.35),
    ("parts", "stored call, 64 in flight / two-way (PostgreSQL)"): Goal("≥", 0.25),
    ("parts", "drain of 1,000, BURST / CallStream with 64 in flight"): Goal("≥", 0.5),
    ("parts", "drain of 1,000, SEQUENTIAL_ON_ACK_FROM_DEVICE / CallStream with 1 in flight"): Goal("≥", 0.6),
    ("parts", "drain of 1,000, SEQUENTIAL_ON_RESPONSE_FROM_DEVICE / CallStream with 1 in flight"): Goal("≥", 0.6),
    ("parts", "drains out of order"): Goal("≤", 0),
    ("parts", "start with 100,000 stored calls of 1 KiB / sqlite3 reads them"): Goal("≤", 20),
    ("parts", "memory of 100,000 stored calls of 1 KiB, MiB"): Goal("≤", 100),
    ("parts", "memory per idle MQTT session, KiB"): Goal("≤", 8),
    ("one", "memory per idle MQTT session, KiB"): Goal("≤", 8),
}


@dataclass
class Report:
    """Figures by layout and name, each with the values of all rounds."""

    figures: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, layout: str, name: str, value: float) -> None:
        """One more round's value of a figure."""
        self.figures.setdefault((layout, name), []).append(value)

    def table(self) -> str:
        """Median, lowest and highest of each figure, and its goal where it has one."""
        rows: list[tuple[str, ...]] = [("layout", "figure", "median", "lowest", "highest", "goal", "")]
        for (layout, name), values in self.figures.items():
            median = statistics.median(values)
            goal = GOALS.get((layout, name))
            verdict = "" if goal is None else "met" if goal.met(median) else "MISSED"
            wanted = "" if goal is None else f"{goal.sign} {goal.value:g}"
            rows.append((layout, name, *map(_short, (median, min(values), max(values))), wanted, verdict))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)

    def write(self, folder: Path, conditions: dict[str, Any]) -> None:
        """`bench.json` and `bench.png` in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        figures = [
            {"layout": layout, "figure": name, "median": statistics.median(values), "values": values}
            for (layout, name), values in self.figures.items()
        ]
        taken = datetime.now(UTC).isoformat(timespec="seconds")
        (folder / "bench.json").write_text(
            json.dumps({"taken": taken, **conditions, "figures": figures}, indent=1, ensure_ascii=False) + "\n"
        )
        self._plot(folder / "bench.png")

    def _plot(self, path: Path) -> None:
        """The figures that have a goal, as parts of it: 1 is the goal, to the right is better."""
        labels, shares = [], []
        for (layout, name), values in reversed(self.figures.items()):
            goal = GOALS.get((layout, name))
            if goal is not None:
                median = statistics.median(values)
                labels.append(f"{name} ({layout})")
                shares.append(median / goal.value if goal.sign == "≥" else goal.value / median if median else 1)
        figure, axes = plt.subplots(figsize=(11, 0.42 * max(3, len(labels)) + 1), layout="constrained")
        axes.barh(labels, shares, color=["#2f7d4f" if share >= 1 else "#b5482a" for share in shares])
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xlabel("figure ÷ goal (for “at most”: goal ÷ figure); 1 is the goal, more is better")
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
