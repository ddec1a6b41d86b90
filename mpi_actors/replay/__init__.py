"""Exactly-once delivery across incarnations, sans-I/O.

The sender numbers its messages and keeps them (`SendLog`, `SentNumbers`); the receiver takes each once, and
remembers a digest of each (`ReceivedNumbers`). When either side is replaced, the receiver says what it
has, the sender goes on from there, and what a new incarnation sends again is compared with what its
predecessor had sent (sender-based message logging, as in MPICH-V2; Bouteiller et al., SC 2003).

Two kinds of endpoint stand on this: that of programs that speak by lines, whose daemon keeps an `Endpoint`
with a `Lane` to each other rank (`Outgoing`, `Incoming`), and that of the MPI library, which lives in the
rank's own process and starts fast: `sequence` and `log` import next to nothing.
"""
