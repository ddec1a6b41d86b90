"""Point-to-point communication (MPI 4.1, chapter 3).

The methods turn ranks into world ranks and buffers into bytes, and hand both to the engine, which matches and
moves the messages. They know nothing of collective operations and of how communicators are made. Bottom up:

- `ranks`: checks of ranks and tags, and PROC_NULL;
- `joint`: several transfers that a program waits for together;
- `buffered`: memory for buffered sends, of a communicator, of a session or of the process;
- `send`: sends of buffers;
- `receive`: receives into buffers;
- `exchange`: a send and a receive in one call;
- `bsend`: buffered sends;
- `message`: messages that a probe has taken out of the queues;
- `probe`: probes;
- `objects`: sends and receives of Python objects.
"""
