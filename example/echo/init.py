"""Nothing to check: every peer has the Python that run.py needs."""
