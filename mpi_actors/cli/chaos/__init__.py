"""The command `chaos`: runs a program again and again while things are lost, and compares the answers.

From the bottom up; the first three are pure:

- `transcript`: what a run wrote, what every run writes alike, and where another run differs;
- `timeline`: the faults of a run and what followed: losses noticed, replacements, new lines;
- `verdict`: right, failed by name, wrong, or hung;
- `trial`: one run on a pool, with a plan;
- `campaign`: the undisturbed runs, then one trial after another, on pools that are mended in between;
- `report`: what people and machines read of all this;
- `command`: the command itself.
"""
