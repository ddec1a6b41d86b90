"""Where the symbolic links of a tree lead: checked before any of them is on a disk."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ContentRefused

MAX_HOPS = 40
"""Links that may lead to one another in a row, as in Linux."""
MAX_STEPS = 2_000_000
"""Names that may be looked at to follow all links of a tree: about a second of work."""

Names = tuple[str, ...]


def check_links(links: Mapping[Names, str]) -> None:
    """Check that no link of a tree leads out of it, not even through other links.

    Args:
        links: the target of each link, by the names of the directories above it and its own.

    Raises:
        ContentRefused: a link leads out of the tree, is absolute, or leads in a circle or through too many
            others.
    """
    steps = 0
    deepest = max(map(len, links), default=0)
    for names in links:
        steps += _follow(names, links, deepest)
        if steps > MAX_STEPS:
            raise ContentRefused("it takes too many steps to follow its symbolic links")


def _follow(names: Names, links: Mapping[Names, str], deepest: int) -> int:
    """Follow one link, as the operating system would; return how many steps that takes."""
    shown = repr("/".join(names)[:200])
    here = list(names[:-1])
    ahead = [names[-1]]  # a stack: the next name is at the end
    steps = hops = 0
    while ahead:
        name = ahead.pop()
        steps += 1
        if name in ("", "."):
            continue
        if name == "..":
            if not here:
                raise ContentRefused(f"the link {shown} leads out of its directory")
            here.pop()
            continue
        here.append(name)
        target = links.get(tuple(here)) if len(here) <= deepest else None
        if target is None:
            continue
        hops += 1
        if hops > MAX_HOPS:
            raise ContentRefused(f"the link {shown} leads in a circle, or through over {MAX_HOPS} others")
        if target.startswith("/"):
            raise ContentRefused(f"the link {shown} is absolute, so it leads out of its directory")
        here.pop()
        ahead.extend(reversed(target.split("/")))
    return steps
