"""How many cores this process may use: in a container its share, not the machine's."""

import math
import os
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Return a number of cores, at least 1; a part of a core counts as one."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(quota(cgroups) or allowed)))


def quota(cgroups: Path) -> float | None:
    """Return the cores that the container was given; None without a limit.

    The files say how many microseconds of a period may be used; see "cpu.max" in the
    kernel's documentation of control groups, version 2, and "cpu.cfs_quota_us" of 1.
    """
    with suppress(OSError, ValueError):
        used, period = (cgroups / "cpu.max").read_text().split()
        return int(used) / int(period)  # "max" is no number
    with suppress(OSError, ValueError, ZeroDivisionError):
        used, period = (
            (cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text()
            for name in ("quota", "period")
        )
        return int(used) / int(period) if int(used) > 0 else None
    return None
