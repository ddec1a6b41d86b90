"""Where text goes: streams, the screen, files of events, and what waits for them in bounded memory."""
