"""Every way to install this checkout, each in a fresh Debian 12 and a fresh Debian 13 without a compiler.

    python tests/install/install_everywhere.py                   all of them; a table in the end
    python tests/install/install_everywhere.py --suite trixie --way pipx
    python tests/install/install_everywhere.py --way tests       the README's second command: 15 minutes

What is installed is what is committed. Needs root, debootstrap and a network; the minimal systems are kept in
~/.cache/mpi_actors/debian. The exit code is 0 if everything works, 2 if something is missing here.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from install_roots import CannotInstall, Root, fresh_root, missing

TREE = Path(__file__).resolve().parents[2]
HERE = "/root/mpi_actors"
"""Where the checkout is, inside."""
SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
COMPILERS = "for name in cc gcc clang c99 tcc; do ! command -v $name || exit 1; done"
SHOULD_PRINT = "hello\n"
ECHO = ("run", "-n", "2", "--peers", "2", "example/echo", "hello")


@attrs.frozen
class Outcome:
    """How it went."""

    seconds: float
    """What the installation took."""
    then: float
    """Seconds that the first job took, or until the first peer was shown."""
    wrong: str = ""
    """What is not as it should be; empty if nothing."""


def install_and_run(root: Root, install: str, program: str) -> Outcome:
    """Run a command that installs, then a job with the program that is there now."""
    begun = time.monotonic()
    done = root.run(["sh", "-c", install], HERE)
    installed = time.monotonic()
    if done.code:
        return Outcome(installed - begun, 0.0, f"`{install}` failed: {done.text}")
    job = root.run(
        ["sh", "-c", f"{program} {' '.join(ECHO)} 2>/tmp/errors; code=$?; cat /tmp/errors; exit $code"], HERE
    )
    wrong = (
        "" if (job.code, job.text) == (0, SHOULD_PRINT) else f"the job's exit code is {job.code}: {job.text}"
    )
    return Outcome(installed - begun, time.monotonic() - installed, wrong)


def by_pip(root: Root) -> Outcome:
    """`pip install .` in a virtual environment."""
    root.get("python3-venv")
    root.run(["python3", "-m", "venv", "/opt/own"])
    return install_and_run(root, "/opt/own/bin/pip install .", "/opt/own/bin/mpi-actors")


def by_pipx(root: Root) -> Outcome:
    """`pipx install .`, with Debian's pipx."""
    root.get("pipx")
    return install_and_run(root, "pipx install .", "mpi-actors")


def by_uv_tool(root: Root) -> Outcome:
    """`uv tool install .`, with the index's uv."""
    get_uv(root)
    return install_and_run(root, "uv tool install .", "mpi-actors")


def by_uvx(root: Root) -> Outcome:
    """`uvx --from . mpi-actors …`, which installs when it is first run."""
    get_uv(root)
    return install_and_run(root, "uvx --from . mpi-actors --version", "uvx --quiet --from . mpi-actors")


def by_readme(root: Root) -> Outcome:
    """The README's first command, with nothing but Python: few lines, no error, and soon a peer.

    What apt takes is not counted: on most machines it is not needed.
    """
    begun, apt, first, shown = time.monotonic(), 0.0, 0.0, []
    for line in root.lines(["sh", "-c", readme_command(1)], HERE):
        print("   ", line, end="", flush=True)
        shown.append(line)
        if "from apt" in line:
            apt = time.monotonic() - begun
        if "daemon 0 is process" in line:
            first = time.monotonic() - begun
    text = "".join(shown)
    wrong = ""
    if shown[-1] != "exit code 0\n" or "the answers are equal" not in text:
        wrong = "it failed, see above"
    elif any(word in text.lower() for word in ("traceback", "error", "warning")) or len(shown) > 40:
        wrong = "it shows what looks like an error, or too much, see above"
    return Outcome(first - apt, time.monotonic() - begun - first, wrong)


def by_tests(root: Root) -> Outcome:
    """The README's second command: the tests, with the system's own Python."""
    begun, shown = time.monotonic(), []
    for line in root.lines(["sh", "-c", readme_command(2)], HERE):
        print("   ", line, end="", flush=True)
        shown.append(line)
    wrong = "" if shown[-1] == "exit code 0\n" else "the tests failed, see above"
    return Outcome(time.monotonic() - begun, 0.0, wrong)


WAYS: dict[str, Callable[[Root], Outcome]] = {
    "pip": by_pip,
    "pipx": by_pipx,
    "uv-tool": by_uv_tool,
    "uvx": by_uvx,
    "readme": by_readme,
    "tests": by_tests,
}
BY_DEFAULT = [name for name in WAYS if name != "tests"]


def get_uv(root: Root) -> None:
    """uv, where commands are found."""
    root.get("python3-venv")
    make = "python3 -m venv /opt/uv && /opt/uv/bin/pip install -q uv && ln -s /opt/uv/bin/uv* /usr/local/bin"
    done = root.run(["sh", "-c", make])
    if done.code:
        raise CannotInstall(f"uv cannot be installed: {done.text}")


def readme_command(number: int) -> str:
    """The line in the README's first or second block of commands."""
    return (TREE / "README.md").read_text().split("\n```sh\n")[number].partition("\n")[0]


def try_way(suite: str, way: str, mirror: str | None) -> Outcome:
    """One way in a fresh system."""
    with fresh_root(suite, mirror) as root:
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", TREE, f"{root.place}{HERE}"], check=True)
        try:
            outcome = WAYS[way](root)
        except CannotInstall as error:
            return Outcome(0.0, 0.0, str(error))
        if root.run(["sh", "-c", COMPILERS]).code:
            return attrs.evolve(outcome, wrong="a compiler came along, so this shows nothing")
        return outcome


def table(outcomes: dict[tuple[str, str], Outcome]) -> Iterator[str]:
    """The lines to show in the end."""
    yield f"{'system':11} {'way':8} {'installed':>10} {'and then':>10}"
    for (suite, way), outcome in outcomes.items():
        seconds = f"{outcome.seconds:8.1f} s {outcome.then:8.1f} s"
        yield f"{SUITES[suite]:11} {way:8} {seconds}  {'FAILED' if outcome.wrong else 'works'}"


def main() -> int:
    """Try what the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: all")
    parser.add_argument("--way", action="append", choices=WAYS, help="default: all but tests")
    parser.add_argument("--mirror", metavar="URL", help="where Debian is got from (default: debootstrap's)")
    arguments = parser.parse_args()
    if lack := missing():
        print(lack, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without tidying up
    outcomes = {}
    for suite in arguments.suite or SUITES:
        for way in arguments.way or BY_DEFAULT:
            print(f"{SUITES[suite]}, {way} …", flush=True)
            try:
                outcome = outcomes[suite, way] = try_way(suite, way, arguments.mirror)
            except CannotInstall as error:
                print(error, file=sys.stderr)
                return 2
            if outcome.wrong:
                print(outcome.wrong, flush=True)
    print(*table(outcomes), sep="\n")
    return int(any(outcome.wrong for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
