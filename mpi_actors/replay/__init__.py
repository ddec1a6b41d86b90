"""Exactly-once delivery across incarnations, sans-I/O. It may not know tasks, clocks or networks.

The sender numbers its messages and logs them; the receiver takes each once, and remembers its digest. When
either side is replaced, the receiver says what it has, and the sender goes on from there. What a new
incarnation sends again is compared with what its predecessor had sent (sender-based message logging, as in
MPICH-V2; Bouteiller et al., SC 2003). Two kinds of endpoint stand on this: the daemon's `Endpoint` for
programs that speak by lines, and the MPI library's (`mpi.engine`) in the rank's own process. The latter uses
only `sequence`, `log`, `choices` and `page`, which import next to nothing, so that a rank starts fast.
From the bottom up:

- `sequence`: the numbers of messages, their digests, and the errors of a program that is not deterministic;
- `log`: the payloads that a rank has sent, in memory and then in a file;
- `choices`: outcomes that the program did not decide, as bytes;
- `page`: shared memory in which a rank writes its choices;
- `incoming`: the receiving half of a lane;
- `outgoing`: the sending half of a lane;
- `lane`: both halves, as frames;
- `stderr`: standard error, which is counted but not numbered;
- `endpoint`: all lanes of one incarnation, and the requests of its program.

Choices that are not the program's own are recorded, so that a new incarnation chooses the same:

- `streams`: what a peer knows of the records of a job's ranks, and what it must tell the others;
- `holder`: who keeps these records for recovery.
"""
