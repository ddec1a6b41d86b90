"""What a job's coordinator decides: events in, actions out. It knows no clock, no task and no network.

Bottom up:

- `differences`: what is said when a rank does not write what it had written before;
- `result`: how a job ended, and the end of its log;
- `elect`: which peer takes a rank;
- `seats`: the seats of a job, one for each rank, and the actions that a coordinator can decide;
- `kinds`: how the kinds of two hosts differ, in words, and which ranks moved to another one;
- `spec`: what a job is, and when it cannot go on after a loss;
- `vacancies`: who could take a rank that has no host, and why nobody can;
- `gathering`: which hosts still have to tell what they know of the choices of lost ranks;
- `touched`: files that a rank opened before its loss and afterwards;
- `ends`: ranks that have ended, until their last reports and choices are here;
- `decisions`: the state of a job, and what is decided at each event.
"""
