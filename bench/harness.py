"""Runs the programs of the benchmark, each measurement in a process of its own.

Uses the standard library only: the peak memory that the kernel reports for a child is at least that
of the process which started it, so the process that measures must be small.
"""

import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

THREADS = 2


@dataclasses.dataclass
class Sample:
    """What one process reported, repetitions after the first (if there are several)."""

    output: dict
    peak_mib: float

    def _median(self, key):
        values = self.output[key]
        return statistics.median(values[1:] if len(values) > 1 else values)

    @property
    def wall_s(self):
        return self._median("wall_s")

    @property
    def cpu_s(self):
        return self._median("cpu_s")

    @property
    def value(self):
        return self.output["value"]


@dataclasses.dataclass
class Check:
    """One number and the goal it has to meet."""

    row: int
    what: str
    ours: str
    peer: str
    figure: float
    unit: str  # "x", "%", "MB" or "" (an absolute error)
    goal: float
    at_least: bool = True

    @property
    def met(self):
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal


def median(values):
    return statistics.median(values)


def run(command, timeout_s=1800):
    """Runs one program to its end and returns its Sample; an error of the program ends the benchmark."""
    command = [str(part) for part in command]
    environment = dict(os.environ)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        environment[name] = str(THREADS)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"failed ({process.returncode}): {' '.join(command)}")
    return Sample(json.loads(output), usage.ru_maxrss / 1024)


def interleave(commands, rounds):
    """Runs every command once a round, in turn: {name: [Sample of each round]}."""
    samples = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            samples[name].append(run(command))
    return samples


def ratios(samples, ours, peer, quantity):
    """peer / ours of `quantity` ("wall_s", "cpu_s", "peak_mib") of each round."""
    pairs = zip(samples[ours], samples[peer])
    return [getattr(b, quantity) / getattr(a, quantity) for a, b in pairs]


def spread(values):
    return (max(values) - min(values)) / median(values)


def seconds(value):
    return f"{value:.1f} s" if value >= 10 else f"{1000 * value:.0f} ms"


def require(condition, message):
    """Ends the benchmark when two programs that compute the same thing disagree."""
    if not condition:
        raise SystemExit(f"disagreement: {message}")


def progress(message):
    print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)


class Server:
    """A gramiand on free ports of loopback, stopped on leaving the context."""

    def __init__(self, program, folder, store_gib):
        self._program = program
        self._port_file = pathlib.Path(folder) / "gramiand.ports"
        self._store_bytes = store_gib << 30
        self.address = None

    def __enter__(self):
        self._port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                self._program,
                "--listen=127.0.0.1:0",
                "--metrics-listen=127.0.0.1:0",
                f"--port-file={self._port_file}",
                f"--store-bytes={self._store_bytes}",
                f"--threads={THREADS}",
                "--log-level=warn",
                "--audit-file=/dev/null",
            ],
            stdout=subprocess.DEVNULL,  # says where it listens, as the port file does
        )
        deadline = time.monotonic() + 60
        while self.address is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise SystemExit("gramiand did not start")
            time.sleep(0.05)
            if self._port_file.exists():
                found = re.search(r"grpc=(\S+)", self._port_file.read_text())
                self.address = found and found.group(1)
        return self

    def cpu_s(self):
        """User and system seconds of the server so far."""
        stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
