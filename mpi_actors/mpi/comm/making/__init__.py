"""How communicators are made and freed (MPI 4.1, chapter 7).

New communicators get their contexts without a message. Members send messages only where each of them gives a
part of what is made (`Split`, `Merge`). The modules know states and handles, and find the classes of new
communicators in `comm.kinds`; they know nothing of point-to-point methods. Bottom up:

- `lineage`: states of duplicates, parts and pairs of groups;
- `agreement`: how the members agree on what they make;
- `constructors`: methods that all communicators share: `Dup`, `Create`, `Split`, `Free`;
- `intra`: methods of intracommunicators: `Create_group`, `Create_intercomm`;
- `inter`: methods of intercommunicators: `Merge`, `Get_remote_group`.
"""
