"""Refuses every peer: shows what an installation that fails looks like."""

import sys

sys.exit("failing: this interpreter refuses every peer, on purpose")
