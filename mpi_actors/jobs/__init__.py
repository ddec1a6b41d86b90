"""The jobs started here.

- `job`: the coordinator's actor around `coordination.decisions`;
- `book`: finds and forgets jobs;
- `inquiry`: answers `why JOB`.
"""
