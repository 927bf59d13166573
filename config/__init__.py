"""Settings and deployment data. Imports nothing of ours."""
