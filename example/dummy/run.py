"""Every rank logs a line and ends. Arguments: none."""

import sys

n, rank = int(sys.argv[1]), int(sys.argv[2])

print(f"Log,rank {rank} of {n} was here", flush=True)
