"""The other daemons of the pool, one session each. This package knows nothing of jobs and of the ranks hosted
here: what it tells them goes through callables.

Bottom up:

- `roster`: the peers that are present, and what they offer;
- `announcer`: tells them what this peer offers;
- `session`: greets one peer, turns it away if its pool is another one, and watches it until its link ends;
- `membership`: records what sessions tell, and passes it on; a check of rights would go here;
- `admission`: lets links in, no more than the settings allow, and starts a session for each;
- `dialer`: reaches peers, again and again.
"""
