"""What a half-typed line could become. Pure."""

from __future__ import annotations

import attrs

from .registry import REGISTRY, Names


@attrs.frozen(kw_only=True)
class Vocabulary:
    """The names that a line can mention at one moment."""

    installed: tuple[str, ...] = ()
    """Installed interpreters."""
    available: tuple[str, ...] = ()
    """Interpreters that are in the store and not installed."""
    pinned: tuple[str, ...] = ()
    """Pinned interpreters."""
    jobs: tuple[str, ...] = ()
    """Ids of jobs."""


def complete(text: str, vocabulary: Vocabulary) -> tuple[str, tuple[str, ...]]:
    """Return the word at the end of `text`, and the names that this word could become."""
    words = text.split()
    word = "" if not words or text[-1].isspace() else words.pop()
    if not words:
        return word, _fitting(word.lower(), tuple(REGISTRY))
    command = REGISTRY.get(words[0].lower())
    if command is None or (command.only_first and len(words) > 1):
        return word, ()
    if command.most is not None and len(words) > command.most:
        return word, ()
    match command.names:
        case Names.COMMANDS:
            return word, _fitting(word.lower(), tuple(REGISTRY))
        case Names.INSTALLED:
            return word, _fitting(word, vocabulary.installed)
        case Names.AVAILABLE:
            return word, _fitting(word, vocabulary.available)
        case Names.INTERPRETERS:
            return word, _fitting(word, tuple(sorted({*vocabulary.installed, *vocabulary.available})))
        case Names.PINNED:
            return word, _fitting(word, vocabulary.pinned)
        case Names.JOBS:
            return word, _fitting(word.lower(), vocabulary.jobs)
        case _:
            return word, ()


def _fitting(word: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.startswith(word))
