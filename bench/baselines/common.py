"""Timing and output shared by the baselines: one JSON object on standard output."""

import argparse
import json
import resource
import time

import numpy as np


def parser(description):
    """Returns a parser with the options every baseline understands."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--repeats", type=int, default=3, help="timed repetitions in this process")
    return result


def _cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def warm_up_blas():
    """Starts the BLAS threads, so that a baseline that runs once does not pay for it."""
    square = np.ones((512, 512))
    for _ in range(3):
        square @ square


def report(function, repeats, **extra):
    """Calls function() `repeats` times; prints wall and CPU seconds of each call and its value."""
    warm_up_blas()
    wall, cpu, value = [], [], None
    for _ in range(repeats):
        wall_start, cpu_start = time.perf_counter(), _cpu_seconds()
        value = function()
        wall.append(time.perf_counter() - wall_start)
        cpu.append(_cpu_seconds() - cpu_start)
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "value": float(value), **extra}))
