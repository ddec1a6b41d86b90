"""The jobs started here. This package knows the ranks and their hosts only by messages: it may not import
`peers` or `ranks`.

Bottom up:

- `inquiry`: the answer to `why JOB`;
- `holding`: keeps what hosts tell of recorded choices;
- `output`: what the ranks write;
- `effects`: carries out what `coordination.decisions` decides, and shows it as events;
- `job`: the coordinator's actor around the decisions, and the handle for people;
- `book`: which jobs can be started, how they are found by name, and when they are forgotten.
"""
