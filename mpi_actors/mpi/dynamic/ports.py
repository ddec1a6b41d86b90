"""Ports and published names, by which jobs would connect (MPI 4.1, section 11.8): not implemented."""

from __future__ import annotations

from typing import NoReturn

from ..info import INFO_NULL, Info

SENTENCE = "mpi_actors has no ports: a job cannot connect to another one"
"""What NotImplementedError says."""


def Open_port(info: Info = INFO_NULL) -> str:
    """Refuse: ports are not implemented."""
    _refuse()


def Close_port(port_name: str) -> None:
    """Refuse: ports are not implemented."""
    _refuse()


def Publish_name(service_name: str, port_name: str, info: Info = INFO_NULL) -> None:
    """Refuse: ports are not implemented."""
    _refuse()


def Unpublish_name(service_name: str, port_name: str, info: Info = INFO_NULL) -> None:
    """Refuse: ports are not implemented."""
    _refuse()


def Lookup_name(service_name: str, info: Info = INFO_NULL) -> str:
    """Refuse: ports are not implemented."""
    _refuse()


def _refuse() -> NoReturn:
    raise NotImplementedError(SENTENCE)
