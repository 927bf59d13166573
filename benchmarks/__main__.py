"""Run the benchmarks: `python -m benchmarks [--rounds N] [PART …]`, a part being one of `PARTS`."""

import argparse
import os
from collections.abc import Callable

from benchmarks import beside, courses, delivery, launches, marking, pages, progress, queue
from benchmarks.rows import Row, cpu_times, print_table, stolen_percent, write_rows

PARTS: dict[str, tuple[Callable[[int], list[Row]], int]] = {
    "marking": (marking.run, 8),
    "pages": (pages.run, 3),
    "progress": (progress.run, 1),
    "courses": (courses.run, 1),
    "launches": (launches.run, 5),
    "delivery": (delivery.run, 1),
    "queue": (queue.run, 3),
    "beside": (beside.run, 2),
}
"""What is measured, and how often unless told."""


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("--rounds", type=int, help="how often each thing is measured")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; everything unless told")
    told = parser.parse_args()
    for part in told.parts or PARTS:
        measure, usual = PARTS[part]
        before = cpu_times()
        rows = measure(told.rounds or usual)
        stolen = stolen_percent(before)
        print_table(rows)
        print(
            f"{part}: load {os.getloadavg()[0]:.1f}; {stolen} % of the CPU time was taken by other machines on the host"
        )
        write_rows(rows, stolen)


if __name__ == "__main__":
    main()
