"""A pool on this machine, one peer of which is killed in the middle of a job."""
