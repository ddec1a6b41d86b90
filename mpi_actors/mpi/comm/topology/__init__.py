"""Virtual topologies and communication with neighbours (MPI 4.1, chapter 8).

A topology says which ranks are neighbours; nothing here knows which hosts are near each other. The classes of
communicators with a topology are in `comm.topocomms`, which these modules do not know. Bottom up:

- `dims`: how to spread processes over the dimensions of a grid;
- `shapes`: grids and graphs as plain values;
- `constructors`: the methods that make communicators with a topology;
- `neighbor_plans`: plans of the collective operations with neighbours;
- `neighbor_buffers`: these operations on buffers;
- `neighbor_objects`: these operations on Python objects.
"""
