"""Benchmarks: each prints a table and writes a row to `benchmarks/latest.json`."""
