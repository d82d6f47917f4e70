"""Run strategies in separate processes: jobs, tasks and the worker."""
