"""Where text goes: streams, the screen and files of events. It knows nothing of commands.

- `outbox`: texts that wait to be shown, in bounded memory;
- `streams`: standard output and standard error, and lines of standard input;
- `screen`: what a command that runs once shows, with a progress bar;
- `eventlog`: the file of `--events`;
- `logs`: the package's log records as a person should see them.
"""
