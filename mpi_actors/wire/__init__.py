"""Every protocol that we speak: bytes to messages and back, sans-I/O.

Nothing here waits, reads a clock, or knows a socket, an actor or a network. `channel` and `environment` are
loaded in each rank and stay light. From the bottom up:

- `preamble`: daemon to daemon: the first bytes of each stream, with the protocol version;
- `frame`: daemon to daemon: pieces of messages between ranks, and credit, on the data stream;
- `fields`: the types of the fields of control messages, with their limits;
- `registry`: the numbers of control messages;
- `peer_messages`: daemon to daemon: the control messages about the daemons themselves;
- `messages`: daemon to daemon: the control messages, each a class;
- `codec`: daemon to daemon: these messages as bytes on the control stream;
- `choices`: daemon to daemon: pieces of the records of choices, as the payload of a frame;
- `reports`: rank to coordinator: log lines and resets, as messages of a lane;
- `environment`: daemon to a rank's process: environment variables that say which rank it is;
- `channel`: daemon to a rank's process that speaks MPI, both ways: lanes, choices, the end;
- `splitter`: a stream of bytes cut into lines, for `stdio` and `control`;
- `stdio`: daemon to a rank's process that speaks lines over standard input and output;
- `script`: a user's script, as a launcher describes it;
- `control`: launcher to the daemons that it started: requests, answers and events as JSON lines.
"""
