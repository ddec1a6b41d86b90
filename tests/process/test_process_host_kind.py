"""The kind of a host, from what Linux says of its processors."""

from __future__ import annotations

import platform

from mpi_actors.process.host_kind import host_kind, processor_class

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
flags\t\t: fpu sse sse2 fma avx avx2 sse4_2 smep bmi1 avx512f
bogomips\t: 5192.29

processor\t: 1
flags\t\t: fpu sse sse2 fma avx avx2 sse4_2 smep bmi1
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm asimdhp sve sme2\n"


def test_the_features_that_all_processors_have_count() -> None:
    """In an order of their own, and without those that no library chooses its code by."""
    assert processor_class("x86_64", X86) == "x86_64 avx avx2 bmi1 fma sse4_2"
    assert processor_class("aarch64", ARM) == "aarch64 asimd asimdhp sme2 sve"
    assert processor_class("riscv64", "") == "riscv64"


def test_this_host_has_a_kind() -> None:
    """It names the machine and the Python that run this test."""
    kind = host_kind()
    assert kind.processor.split()[0] == platform.machine()
    assert kind.python == platform.python_version()
    assert kind == host_kind()
