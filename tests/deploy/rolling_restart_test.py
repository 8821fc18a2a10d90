"""A server that is replaced again and again while clients work: two servers over one data directory in turn, at one
address, as a rolling update of a StatefulSet does it.

No acknowledged upload is lost, uploads resume by themselves, and no request fails that the client's default policy
may repeat.
"""
import argparse
import pathlib
import sys
import tempfile
import threading
import time
import unittest

from gramian_programs import Server, gramian, write_npy

options = argparse.Namespace()


class Work(threading.Thread):
    """Does one thing after the other until it is told to stop; remembers what failed."""

    def __init__(self, action):
        super().__init__()
        self.action, self.done, self.failures = action, 0, []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            result = self.action(self.done)
            if result.returncode != 0:
                self.failures.append(result.stderr)
            self.done += 1

    def stop(self):
        self.stopping.set()
        self.join()


class RollingRestartTest(unittest.TestCase):
    maxDiff = None

    def test_loses_nothing_and_fails_nothing(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        rows, columns = options.rows, 256
        contents = {}
        for index in range(4):
            (folder / f"acts{index}").mkdir()
            contents[index] = write_npy(folder / f"acts{index}" / "fc.npy", rows, columns, index)
        flags = [f"--data-dir={folder / 'data'}"]
        server = Server(options.gramiand, *flags)
        self.addCleanup(lambda: server.kill())
        address = server.address
        for network in ("a", "b"):
            done = gramian(options.gramian, address, "push", folder / "acts0", "--network", network, "--step", 0)
            self.assertEqual(done.returncode, 0, done.stderr)

        def push(network):
            # Content that the server does not know yet is sent: a row of its own for each step.
            def action(step):
                place = folder / f"{network}-{step}"
                place.mkdir()
                contents[network, step] = write_npy(place / "fc.npy", rows, columns, f"{network}@{step}")
                return gramian(options.gramian, address, "push", place, "--network", network, "--step", step)
            return action

        work = [Work(push("up0")), Work(push("up1")),
                Work(lambda step: gramian(options.gramian, address, "layer", "a@0/fc", "b@0/fc", "-m", "cka,distcorr")),
                Work(lambda step: gramian(options.gramian, address, "ls", "networks"))]
        for worker in work:
            worker.start()
        pauses = []
        for _ in range(options.restarts):
            time.sleep(options.interval)
            begin = time.monotonic()
            self.assertEqual(server.stop(), 0)
            stopped = time.monotonic()
            server = Server(options.gramiand, *flags, address=address)
            pauses.append((stopped - begin, time.monotonic() - stopped))
        time.sleep(options.interval)
        for worker in work:
            worker.stop()
        drains, starts = zip(*pauses)
        print(f"{options.restarts} restarts: {work[0].done + work[1].done} uploads, {work[2].done} comparisons, "
              f"{work[3].done} lists; {sum(len(worker.failures) for worker in work)} failed; "
              f"longest drain {max(drains):.2f} s, longest start {max(starts):.2f} s")
        self.assertEqual([failure for worker in work for failure in worker.failures], [])
        for worker in work:
            self.assertGreater(worker.done, options.restarts)
        for index, network in enumerate(("up0", "up1")):
            for step in range(work[index].done):
                target = folder / "pulled" / f"{network}-{step}"
                target.parent.mkdir(exist_ok=True)
                done = gramian(options.gramian, address, "pull", f"{network}@{step}", "-o", target)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual((target / "fc.npy").read_bytes()[-4 * rows * columns:], contents[network, step])
        self.assertEqual(server.stop(), 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gramiand", required=True)
    parser.add_argument("--gramian", required=True)
    parser.add_argument("--restarts", type=int, default=4)
    parser.add_argument("--interval", type=float, default=1.5, help="seconds between two restarts")
    parser.add_argument("--rows", type=int, default=512, help="rows of each upload, of 1 KiB")
    parser.parse_args(namespace=options)
    unittest.main(argv=[sys.argv[0]], verbosity=2)


if __name__ == "__main__":
    main()
