"""The models beside their peers: each task in turn by all sides, round by round; tables and a plot of it."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import models
import numpy as np
import pandas as pd
from models import BAYES, ENGINE, KNOWN, OURS, PEER, WEIGHTED, Task

#: What takes less than this is called again and again in its round, and the median taken.
SHORT = 0.5


@dataclass(frozen=True)
class Result:
    """One row of the table: seconds of each round by side, and what both found; small sizes have no goal."""

    task: Task
    n: int
    seconds: dict[str, list[float]]
    differences: dict[str, float]
    goal: float | None

    def ratio(self, side: str, ours: str = OURS) -> tuple[float, float, float]:
        """Return how many times as fast we are as another: median, least and most over the rounds."""
        pairs = zip(self.seconds[side], self.seconds[ours], strict=True)
        each = [self.task.times * theirs / mine for theirs, mine in pairs]
        return statistics.median(each), min(each), max(each)


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median of some calls of what is short, of one of what is not, and what the last one found."""
    taken: list[float] = []
    while len(taken) < 5 and sum(taken) < SHORT:
        gc.collect()
        began = time.perf_counter()
        found = call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), found


def measure(task: Task, *, quick: bool, rounds: int) -> tuple[Result, pd.DataFrame]:
    """Run all sides in turn, round by round, after each has run once on few customers."""
    n = task.quick if quick else task.n
    table, warm = task.data(n), task.data(2_000)
    sides = {name: call for name, call in task.sides.items() if name != BAYES or find_spec("pymc_marketing")}
    inputs = dict.fromkeys(sides, table)
    if sides[OURS] is models.our_bg_nbd:
        count = counted_by_engine(table)
        sides = {
            OURS: sides[OURS],
            ENGINE: lambda _: models.our_bg_nbd(count()),
            KNOWN: models.our_bg_nbd,
        } | sides
        inputs |= {ENGINE: table, KNOWN: models.collapsed(table)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, Any] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for call in sides.values():
            call(warm)
        for _ in range(rounds):
            for name, call in sides.items():
                taken, found[name] = seconds_of(lambda call=call, name=name: call(inputs[name]))
                seconds[name].append(taken)
    others = [name for name in (PEER, WEIGHTED, BAYES) if name in found]
    differences = {name: task.compare(table, found[OURS], found[name]) for name in others}
    return Result(task, n, seconds, differences, None if quick else task.goal), table


def counted_by_engine(table: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    """Put a table into DuckDB; return what counts its cells there and fetches them."""
    import ibis

    from cam.reduce.summary import cells as distinct_cells

    engine = ibis.duckdb.connect()
    engine.create_table("summary", table.assign(frequency=table["frequency"].astype(int)))
    expression = distinct_cells(engine.table("summary"))
    return lambda: engine.to_pandas(expression)


def measure_peak(name: str, side: str, table: pd.DataFrame, folder: Path) -> tuple[float, float]:
    """Run one side in a fresh process: its peak in MB, and how much of it came after libraries and data."""
    file = folder / f"{name}.npz"
    if not file.exists():
        np.savez(file, **{column: table[column].to_numpy() for column in table})
    done = subprocess.run(
        [sys.executable, models.__file__, "peak", name, side, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = (float(word) for word in done.stdout.split())
    return after, after - before


def as_seconds(values: list[float]) -> str:
    """Return a median with its range, in three digits."""
    middle, low, high = (
        f"{value:#.3g}".rstrip(".") for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({low}-{high})" if len(values) > 1 else middle


def as_times(values: tuple[float, float, float]) -> str:
    """Return a ratio with its range."""
    middle, low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in values)
    return f"{middle} ({low}-{high})" if low != high else middle


def speed_table(results: list[Result]) -> str:
    """Return the table of seconds and ratios."""
    lines = [
        "| task, customers | `cam`, s | `lifetimes`, s | times as fast | goal | with weights, s | what remains |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    names = {OURS: "", ENGINE: ", cells counted by DuckDB", KNOWN: ", cells at hand"}
    for result in results:
        for side, note in names.items():
            if side not in result.seconds:
                continue
            weighted = ["-", "-"]
            if WEIGHTED in result.seconds:
                weighted = [as_seconds(result.seconds[WEIGHTED]), as_times(result.ratio(WEIGHTED, side))]
            goal = f"{result.goal:.0f}" if result.goal and side == OURS else ""
            row = [
                result.task.title.format(n=result.n) + note,
                as_seconds(result.seconds[side]),
                as_seconds(result.seconds[PEER]),
                as_times(result.ratio(PEER, side)),
                goal,
                *weighted,
            ]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def verdict(results: list[Result]) -> str:
    """Say which goals were met."""
    aimed = [result for result in results if result.goal]
    if not aimed:
        return "Sizes are small: the goals are for the full ones."
    missed = [
        result.task.title.format(n=result.n) for result in aimed if result.ratio(PEER)[0] < (result.goal or 0)
    ]
    met = f"Goals met: {len(aimed) - len(missed)} of {len(aimed)}"
    return f"{met}; missed: {'; '.join(missed)}." if missed else f"{met}."


def agreement_table(results: list[Result]) -> str:
    """Return what both found, compared."""
    lines = ["| task, customers | `lifetimes` | with weights | pymc-marketing |", "|---|---:|---:|---:|"]
    for result in results:
        kind = (
            "largest relative difference"
            if result.task.compare is models.furthest
            else "log-likelihood, ours less theirs"
        )
        cells_ = []
        for side in (PEER, WEIGHTED, BAYES):
            if side in result.differences:
                cells_.append(f"{result.differences[side]:.1e}")
            elif side in result.task.sides:
                cells_.append("not installed")
            else:
                cells_.append("-")
        if BAYES in result.differences:
            cells_[-1] += f", {as_times(result.ratio(BAYES))} times as fast"
        lines.append(f"| {result.task.title.format(n=result.n)}: {kind} | {' | '.join(cells_)} |")
    return "\n".join(lines)


def memory_table(peaks: dict[str, dict[str, tuple[float, float]]], results: dict[str, Result]) -> str:
    """Return the memory of fresh processes."""
    lines = [
        "| task, customers | `cam`, MB | `lifetimes`, MB | ratio | `cam`, added | `lifetimes`, added | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, sides in peaks.items():
        (ours, added), (theirs, they_added) = sides[OURS], sides[PEER]
        title = results[name].task.title.format(n=results[name].n)
        share = f"{added / they_added:.2f}" if they_added >= 1 else "-"
        lines.append(
            f"| {title} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} "
            f"| {added:.0f} | {they_added:.0f} | {share} |"
        )
    return "\n".join(lines)


def draw(results: list[Result]) -> str:
    """Draw how many times as fast we are, by task, on a logarithmic axis; as SVG."""
    from cam.show import canvas

    ax = canvas.new_axes(width=7.6, height=0.62 * len(results) + 1.6)
    names = [result.task.title.format(n=result.n) for result in results]
    for place, result in enumerate(results):
        middle, low, high = result.ratio(PEER)
        ax.plot([low, high], [place, place], color=canvas.ACCENT, linewidth=2, solid_capstyle="butt")
        ax.plot([middle], [place], "o", color=canvas.ACCENT, markersize=8)
        ax.annotate(f"{middle:,.0f}", (high, place), (9, 0), textcoords="offset points", va="center")
        if result.goal:
            ax.plot([result.goal] * 2, [place - 0.28, place + 0.28], color=canvas.INK, linewidth=1.6)
        if WEIGHTED in result.seconds:
            weighted = result.ratio(WEIGHTED)[0]
            ax.plot([weighted], [place], "o", color=canvas.ACCENT, markerfacecolor="white", markersize=7)
    ax.set_xscale("log")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlim(left=1)
    ax.set_ylim(len(names) - 0.45, -0.6)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()
    ax.set_xlabel("times as fast")
    canvas.value_grid(ax, "x")
    words = "; ".join(
        f"{name}: {result.ratio(PEER)[0]:,.0f} times" for name, result in zip(names, results, strict=True)
    )
    canvas.describe(
        ax,
        title="How many times as fast as lifetimes are the models?",
        subtitle="By task and number of customers; dot: median of the rounds, with their range; bar: the goal; "
        "ring: lifetimes given weights of distinct customers",
        alt=words,
    )
    return canvas.svg(ax.figure)


def measure_all(folder: Path, *, quick: bool, rounds: int) -> tuple[str, str]:
    """Return the tables, and the plot."""
    results, peaks = {}, {}
    for name, task in models.tasks().items():
        results[name], table = measure(task, quick=quick, rounds=rounds)
        if not quick or name == "bg_nbd":
            peaks[name] = {side: measure_peak(name, side, table, folder) for side in (OURS, PEER)}
    every = list(results.values())
    text = "\n\n".join(
        [
            "### Speed",
            speed_table(every),
            verdict(every),
            "### The same answer",
            agreement_table(every),
            "### Memory",
            memory_table(peaks, results),
        ]
    )
    return text + "\n", draw(every)
