"""gramiand and gramian as processes, for the tests of what operators do."""
import array
import random
import re
import subprocess


class Server:
    """gramiand with these flags, on ports of its own choice unless `address` names one."""

    def __init__(self, program, *flags, address="127.0.0.1:0"):
        # Audit lines come whatever the level; here the errors are to be problems only.
        self.process = subprocess.Popen(
            [program, f"--listen={address}", "--metrics-listen=127.0.0.1:0", "--disk-reserve-bytes=0",
             "--log-level=warn", "--audit-file=/dev/null", "--threads=2", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"gramiand listening grpc=(\S+) metrics=(\S+)\n", line)
        if found is None:
            raise RuntimeError(f"gramiand ended: {self.process.communicate()[1]}")
        self.address = found[1]

    def stop(self):
        """Ends it as an orchestrator does; returns its exit code."""
        self.process.terminate()
        self.errors = self.process.communicate(timeout=120)[1]
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def write_npy(path, rows, columns, seed):
    """A float32 matrix of random values; returns its bytes."""
    generator = random.Random(seed)
    data = array.array("f", (generator.random() for _ in range(rows * columns))).tobytes()
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data)
    return data


def gramian(program, address, *arguments, timeout=120):
    """Runs the command; returns the finished process."""
    return subprocess.run([program, "--server", address, *map(str, arguments)], text=True, capture_output=True,
                          timeout=timeout)
