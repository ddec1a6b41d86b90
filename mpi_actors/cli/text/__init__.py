"""Values as people read and write them. Pure: no clock, no task, no stream.

- `size`, `duration`: numbers of bytes and seconds, in both directions;
- `tables`: tables, and texts on one line;
- `progress`: how far a transfer is, as one line of a given width;
- `show`: events in words;
- `listings`: what `list` and `gc` show;
- `tree`: what `tree` shows.
"""
