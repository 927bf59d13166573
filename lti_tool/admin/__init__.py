"""The console of those who run the installation (docs/admin.md)."""
