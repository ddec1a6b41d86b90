"""The interpreters that a peer has installed: installation, quota, pins, automatic deletion.

Nothing here knows jobs, ranks or other peers: interpreters come from a store, and the warden runs programs.
The modules, from the bottom up:

- `sources`: the stores that interpreters come from;
- `chores`: repeats things now and then;
- `quota`: which interpreters have to go when room is short;
- `listing`: what a person gets to see of an interpreter;
- `usage`: how many ranks use which interpreter, and when each was last used;
- `files`: the files of installed interpreters, and their rows in the database;
- `initialise`: runs an interpreter's `init.py`;
- `install`: prepares one interpreter for installation;
- `shelf`: what is installed, and what is put in and taken out: memory, database and files together;
- `retention`: lets the store keep what is installed, to serve it to others;
- `installer`: installs one interpreter at a time;
- `upkeep`: deletes what nobody has used for long;
- `depot`: the depot itself, which jobs and persons ask.
"""
