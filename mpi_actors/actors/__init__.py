"""Actors and their supervisors, in trio's idiom and OTP's words. They can be used alone.

The package knows trio, and nothing of networks, processes or MPI. From the bottom up:

- `bell`: wakes tasks that wait for a change;
- `dead_letters`: counts messages that could not be delivered;
- `mailbox`: the address of an actor: a bounded data box, and a control box that data never blocks;
- `ask`: a question that carries the channel for its answer;
- `snapshot`: a supervision tree at one moment, as a console shows it;
- `spec`: what a supervisor must know of a child, and the notice of a child's end;
- `decide`: the decisions of supervision, without tasks or clocks;
- `context`: what an actor can find out about itself: `current_actor()`;
- `watch`: who gets the notices of a child's end;
- `child`: what a supervisor keeps of each child;
- `supervisor`: the tree itself.

An actor is an async function that owns a mailbox. Its messages are frozen classes:

>>> import attrs, trio
>>> from mpi_actors.actors import ChildSpec, Mailbox, Reply, Supervisor, ask
>>> from mpi_actors.errors import NoReply
>>> @attrs.frozen
... class Divide:
...     dividend: int
...     divisor: int
...     reply: Reply[int]
>>> async def divider(box: Mailbox[Divide]) -> None:
...     async for question in box:
...         question.reply.send(question.dividend // question.divisor)

A supervisor runs an actor, and starts it again when it fails. The actor's address stays the same:

>>> async def main() -> None:
...     box: Mailbox[Divide] = Mailbox("divider")
...     spec = ChildSpec(id="divider", run=divider, mailbox=box)
...     supervisor = Supervisor("example", children=[spec])
...     async with trio.open_nursery() as nursery:
...         await nursery.start(supervisor.run)
...         print(await ask(box, lambda reply: Divide(6, 3, reply), deadline=1))
...         try:
...             await ask(box, lambda reply: Divide(6, 0, reply), deadline=1)
...         except NoReply as error:
...             print(error)
...         print(await ask(box, lambda reply: Divide(9, 3, reply), deadline=1))
...         [child] = supervisor.snapshot().children
...         print(child.generation, child.last_error)
...         supervisor.stop()
>>> trio.run(main)
2
divider dropped the question: in hand when its actor failed or was cancelled
3
1 ZeroDivisionError: integer division or modulo by zero
"""

from __future__ import annotations

from .ask import Reply as Reply
from .ask import ask as ask
from .bell import Bell as Bell
from .context import Actor as Actor
from .context import current_actor as current_actor
from .dead_letters import DeadLetter as DeadLetter
from .dead_letters import DeadLetterCount as DeadLetterCount
from .dead_letters import DeadLetterReport as DeadLetterReport
from .dead_letters import DeadLetters as DeadLetters
from .dead_letters import Reason as Reason
from .mailbox import Mailbox as Mailbox
from .mailbox import MailboxStatistics as MailboxStatistics
from .snapshot import ChildSnapshot as ChildSnapshot
from .snapshot import ChildState as ChildState
from .snapshot import SupervisorSnapshot as SupervisorSnapshot
from .spec import Backoff as Backoff
from .spec import ChildSpec as ChildSpec
from .spec import Exited as Exited
from .spec import ExitReason as ExitReason
from .spec import Intensity as Intensity
from .spec import Restart as Restart
from .spec import Strategy as Strategy
from .supervisor import Supervisor as Supervisor
