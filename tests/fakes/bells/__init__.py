"""A plugin for tests of the worker: what it does can be read in files of the data directory."""
