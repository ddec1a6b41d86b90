"""Where symbolic links lead, compared with what the operating system says."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats.links import MAX_HOPS, check_links
from mpi_actors.errors import ContentRefused

Links = dict[tuple[str, ...], str]

PLACES = [("a",), ("b",), ("d", "a"), ("d", "b"), ("d", "e", "a")]
STEPS = st.sampled_from(["a", "b", "d", "e", "..", ".", "", "none"])
TARGETS = st.lists(STEPS, min_size=1, max_size=5).map("/".join).filter(bool)


def leads_out(root: str, path: str, hops: int = 0) -> bool:
    """Whether the system, following links one by one, comes to a place that is not below `root`."""
    here = os.path.dirname(path)
    ahead = [os.path.basename(path)]
    while ahead:
        name = ahead.pop(0)
        here = os.path.dirname(here) if name == ".." else os.path.normpath(os.path.join(here, name))
        if os.path.commonpath([here, root]) != root:
            return True
        if os.path.islink(here):
            hops += 1
            target = os.readlink(here)
            if hops > 100 or target.startswith("/"):
                return True
            here = os.path.dirname(here)
            ahead = target.split("/") + ahead
    return False


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), TARGETS, max_size=5))
def test_the_system_agrees(links: Links) -> None:
    """A tree that passes has only links that stay inside; else some link leaves or loops."""
    with tempfile.TemporaryDirectory() as directory:
        root = os.path.realpath(directory)
        Path(root, "d", "e").mkdir(parents=True)
        for names, target in links.items():
            os.symlink(target, os.path.join(root, *names))
        paths = [os.path.join(root, *names) for names in links]
        out = any(leads_out(root, path) for path in paths)
        try:
            check_links(links)
        except ContentRefused:
            assert out
        else:
            assert not out
            assert all(os.path.commonpath([os.path.realpath(path), root]) == root for path in paths)


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ({("a",): "/etc/passwd"}, "absolute"),
        ({("a",): "/"}, "absolute"),
        ({("a",): ".."}, "leads out"),
        ({("a",): "b/../.."}, "leads out"),
        ({("d", "a"): "../.."}, "leads out"),
        ({("a",): "d/b/x", ("d", "b"): "../.."}, "leads out"),
        ({("d", "a"): "..", ("b",): "d/a/.."}, "leads out"),
        ({("a",): "a"}, "circle"),
        ({("a",): "b", ("b",): "a/x"}, "circle"),
    ],
)
def test_ways_out(links: Links, reason: str) -> None:
    """Links that lead out are refused, even if they do so only through each other."""
    with pytest.raises(ContentRefused, match=reason):
        check_links(links)


def test_chains_have_an_end() -> None:
    """Chains of links as long as the system follows pass, longer ones do not."""
    links: Links = {(f"{number}",): f"{number + 1}" for number in range(MAX_HOPS)}
    check_links(links)
    with pytest.raises(ContentRefused):
        check_links({**links, ("first",): "0"})


def test_entangled_links_are_refused() -> None:
    """Links that are made to cost much work are refused before they do."""
    links: Links = {("d", str(number)): "/".join([f"../d/{number + 1}"] * 200) for number in range(200)}
    with pytest.raises(ContentRefused):
        check_links(links)
    many: Links = {(str(number),): "a/../" * 800 for number in range(100_000)}
    with pytest.raises(ContentRefused, match="too many steps"):
        check_links(many)
