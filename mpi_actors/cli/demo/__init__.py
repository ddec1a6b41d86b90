"""The demo: a job on a pool of this machine survives the death of a peer. It knows only `pool.local`.

- `ring`: the interpreter that the demo runs, a token on a ring of ranks;
- `demo`: starts the pool, kills a daemon, and compares the answers.
"""
