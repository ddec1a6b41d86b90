"""A pool of real daemons on this machine, each a process of its own.

- `served`: what such a process runs; `service` answers who started it;
- `client`: the starter's end of that conversation;
- `peer`, `job`, `script`, `input`: what the starter holds of each;
- `pool`: all of them together.
"""
