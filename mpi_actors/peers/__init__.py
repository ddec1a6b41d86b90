"""The other daemons of the pool, one session each.

- `dialer`: finds them;
- `session`: greets and watches one;
- `roster`: who is present;
- `announcer`: tells them what this peer offers.
"""
