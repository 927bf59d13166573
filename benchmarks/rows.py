"""What a benchmark reports, and where it is kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LATEST = Path(__file__).with_name("latest.json")


@dataclass(frozen=True)
class Row:
    """One comparison."""

    name: str
    ours: float
    baseline: float
    baseline_name: str
    ratio: float
    """Baseline divided by ours, or ours by baseline where more is better: above 1, ours is better."""
    unit: str
    n: int
    includes: str
    """What is inside the measured time, for both."""


def write_rows(rows: Sequence[Row], stolen: int, path: Path = LATEST) -> None:
    """Replace the rows of these names, keep the others. `stolen` is said with each: see `stolen_percent`."""
    kept = json.loads(path.read_text()) if path.exists() else []
    names = {row.name for row in rows}
    merged = [row for row in kept if row["name"] not in names] + [
        asdict(row) | {"stolen_percent": stolen} for row in rows
    ]
    path.write_text(json.dumps(merged, indent=2) + "\n")


def cpu_times() -> list[int]:
    """Of all cores since they were started, by what they did, as in `proc(5)`: the eighth is stolen."""
    return [int(ticks) for ticks in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]


def stolen_percent(before: list[int]) -> int:
    """The share of the CPU time since `before` that the host gave to other machines. A p95 of such a time is theirs."""
    spent = [now - then for then, now in zip(before, cpu_times(), strict=True)]
    return 100 * spent[7] // max(1, sum(spent))


def print_table(rows: Sequence[Row]) -> None:
    """The rows for people."""
    print(f"{'benchmark':44} {'ours':>9} {'baseline':>9} {'ratio':>6}  n")
    for row in rows:
        print(f"{row.name:44} {row.ours:7.4g}{row.unit:>2} {row.baseline:7.4g}{row.unit:>2} {row.ratio:5.2f}x  {row.n}")
        print(f"    against {row.baseline_name}; {row.includes}")
