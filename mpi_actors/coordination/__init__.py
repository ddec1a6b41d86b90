"""What a job's coordinator decides: events in, actions out. No clock, no task, no network.

- `result`: how a job ended;
- `elect`: which peer takes a rank;
- `seats`: the ranks of a job, and which incarnation sits where;
- `ends`: ranks that have ended, until the job has;
- `decisions`: the decisions themselves.
"""
