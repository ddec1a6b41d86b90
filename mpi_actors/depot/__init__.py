"""The interpreters that a peer has installed: installation, quota, pins, automatic deletion."""
