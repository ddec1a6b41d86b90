"""The other daemons of the pool, one session each. This package knows nothing of jobs and of the ranks hosted
here: what it tells them goes through callables.

Bottom up:

- `roster`: the peers that are present, and what they offer;
- `announcer`: tells them what this peer offers;
- `session`: greets one peer and watches it until its link ends;
- `membership`: takes the events of sessions and passes them on; decides what a peer may do;
- `admission`: lets links in and starts a session for each;
- `dialer`: reaches peers, again and again.
"""
