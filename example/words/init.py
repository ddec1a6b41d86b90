"""Refuses a peer that has no awk."""

import shutil
import sys

if shutil.which("awk") is None:
    sys.exit("words: this peer has no awk; install mawk or gawk")
