"""The lists of ids are complete, and come out of a file as they went in."""

from __future__ import annotations

from pathlib import Path

import conformance_ids


def test_as_many_as_were_counted() -> None:
    """The numbers of the baseline with Open MPI; more ranks pass all that one passes."""
    assert [len(conformance_ids.core(size)) for size in (1, 2, 4)] == [1268, 1281, 1281]
    assert conformance_ids.core(1) < conformance_ids.core(2)
    assert len(conformance_ids.futures()) >= 117
    assert all(id.startswith(("test_reductions.", "test_run.")) for id in conformance_ids.demos())


def test_a_list_comes_back(tmp_path: Path) -> None:
    """Long groups are wrapped, and nothing is lost or changed by that."""
    ids = {f"test_a.Class.test_{number}" for number in range(50)} | {"test_b.Other.test", "demo.with-dash"}
    conformance_ids.write(tmp_path / "ids", ids)
    assert set(conformance_ids.read(tmp_path / "ids")) == ids
    assert max(map(len, (tmp_path / "ids").read_text().splitlines())) <= 110
