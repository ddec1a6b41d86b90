"""Bytes to messages and back, sans-I/O: nothing here waits, reads a clock or knows a socket."""
