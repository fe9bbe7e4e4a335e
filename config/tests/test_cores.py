import os

import pytest

from config.cores import usable_cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that gives this process eight cores, and a container's share."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def share(files):
        (tmp_path / "cpu").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return share


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu.max": "nonsense\n"}, 8),
    ],
)
def test_a_container_counts_the_cores_it_was_given(machine, files, cores):
    assert usable_cores(machine(files)) == cores


@pytest.mark.parametrize(("used", "cores"), [("-1", 8), ("250000", 3)])
def test_an_older_kernel_tells_them_in_two_files(machine, used, cores):
    files = {"cpu/cpu.cfs_quota_us": used, "cpu/cpu.cfs_period_us": "100000"}
    assert usable_cores(machine(files)) == cores
