"""Counts the words of its arguments, in awk: argument i is counted by rank i mod n, and rank 0 logs the sum.

All the work is in count.awk; this only becomes awk. Arguments: any number of texts.
"""

import os
import subprocess
import sys

# mawk waits for a full buffer of input unless told otherwise; the others do not know this option.
version = subprocess.run(["awk", "-W", "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
interactive = ["-W", "interactive"] if version.stdout.startswith(b"mawk") else []

os.environ["LC_ALL"] = "C"  # the same letters and the same order on every peer
os.execvp("awk", ["awk", *interactive, "-f", "count.awk", "--", *sys.argv[1:]])
