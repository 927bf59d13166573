"""What every part stands on: clock, database, messages, jobs, errors. No Flask, no Celery, no plugin names."""
