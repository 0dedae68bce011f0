"""Runs of jobs in this process: which partitions a load needs, and how a job is run without a daemon."""
