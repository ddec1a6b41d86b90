"""Never runs, because init.py refuses every peer. Arguments: none."""

print("Log,this line should never be seen", flush=True)
