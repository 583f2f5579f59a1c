"""The shape of the machine that a figure was measured on; a figure without it means nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, object]:
    """Return processors, memory, versions and the load that other work caused."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system(),
        "python": sys.version.split()[0],
        "openai": version("openai"),
        "load_1_minute": round(os.getloadavg()[0], 1),
    }
