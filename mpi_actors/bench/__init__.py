"""Measurements on this machine, each next to a yardstick where there is one. Only `cli` imports it.

- `second`: the second process of a benchmark;
- `bare_stream`: the yardstick of `relay`, a stream of py-libp2p alone;
- `relay`: messages between ranks through two daemons;
- `fetch_stock`: the yardstick of `fetch`, the bitswap client of py-libp2p;
- `fetch`: a file from a peer;
- `soak`: what grows over many jobs;
- `idle`: what a daemon costs that does nothing;
- `recovery`: how soon lost ranks are replaced;
- `mpi_program`: the program that `mpi_speed` runs in ranks, ours and others';
- `mpi_yardsticks`: pipes and sockets without MPI;
- `mpi_peer`: Open MPI, in an environment of its own;
- `mpi_speed`: mpi4py programs on ours, on Open MPI, and the yardsticks;
- `mpi_faults`: mpi4py programs with losses;
- `price_program`: the program that `replay_price` runs in ranks;
- `replay_price`: what replay costs, next to `--no-replay`;
- `command`: the command `bench`.
"""
