"""Run the benchmarks: `python -m benchmarks [--rounds N]`."""

import argparse

from benchmarks import marking
from benchmarks.rows import print_table, write_rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("--rounds", type=int, default=8, help="how often each submission is marked")
    rows = marking.run(parser.parse_args().rounds)
    print_table(rows)
    write_rows(rows)


if __name__ == "__main__":
    main()
