"""Proves the Dockerfile without a container engine; see image_test.sh."""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import dockerfile

# Its port is published to nobody: what `docker run --env` would say.
OPEN = {"GRAMIAN_ALLOW_PLAINTEXT": "true", "GRAMIAN_ALLOW_ANONYMOUS": "true"}
BASE_LIBRARIES = {"libc6", "libgcc-s1", "libstdc++6"}  # of every Debian with apt


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


class Container:
    """A process in the folder of a stage, isolated as an engine would: own processes, network and mounts, a
    read-only root, no privileges."""

    def __init__(self, stage, volumes, examples):
        self.stage = stage
        root = stage.root
        setup = [f"mount --bind {root} {root}",
                 *[f"mount --bind {folder} {root}{place}" for place, folder in volumes.items()],
                 f"mount --bind {examples} {root}/mnt",
                 f"mount -o remount,ro,bind {root}",
                 f"mount -t proc proc {root}/proc", f"mount -t tmpfs tmpfs {root}/tmp",
                 f"mount --bind /dev {root}/dev", "ip link set lo up"]
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec",
             "; ".join(setup) + '; exec "$@"', "sh", *self.as_user(*stage.entrypoint, *stage.arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.line = ""
        self.log = []  # what came before the line
        for self.line in self.process.stdout:
            if self.line.startswith("gramiand listening"):
                break
            self.log.append(self.line)
        self.pid = int(run("pgrep", "--parent", str(self.process.pid)).split()[0])

    def as_user(self, *command):
        uid, gid = self.stage.user.split(":")
        environment = [f"{key}={value}" for key, value in {**self.stage.environment, **OPEN}.items()]
        return ["chroot", self.stage.root, "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
                "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "env", "-i", *environment, *command]

    def execute(self, *command):
        """Like `docker exec`; returns exit code and output."""
        done = subprocess.run(["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid",
                               *self.as_user(*command)], text=True, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        if not self.process.stdout.closed:
            self.rest = self.process.stdout.readlines()
            self.process.stdout.close()
        return self.process.wait(timeout=60)


class ImageTest(unittest.TestCase):
    """`stage`, what the Dockerfile came to, is set before the tests run."""
    stage = None
    work = None
    examples = None

    def setUp(self):
        self.volumes = {}
        for place in self.stage.volumes:
            folder = os.path.join(self.work, "volume" + place.replace("/", "-"))
            shutil.rmtree(folder, ignore_errors=True)
            # A new volume begins with what the image has in its place, its owner included.
            run("cp", "--archive", self.stage.root + place, folder)
            self.volumes[place] = folder

    def start(self):
        container = Container(self.stage, self.volumes, self.examples)
        self.addCleanup(container.stop)
        return container

    def test_answers_health_and_a_comparison(self):
        container = self.start()
        self.assertIn(":7443", container.line)
        self.assertEqual(container.execute(*self.stage.healthcheck), (0, ""))
        self.assertEqual(container.execute("gramian-healthcheck", "/readyz"), (0, ""))
        for network in ("net0", "net1"):
            code, text = container.execute("gramian", "push", f"/mnt/digits/{network}", "--network", network,
                                           "--step", "100")
            self.assertEqual(code, 0, text)
        code, text = container.execute("gramian", "layer", "net0@100/relu1", "net1@100/relu1", "-m", "cka")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"0\.\d+")

    def test_keeps_what_it_has_over_a_restart(self):
        container = self.start()
        container.execute("gramian", "push", "/mnt/digits/net0", "--network", "net0", "--step", "100")
        self.assertEqual(container.stop(), 0)
        code, text = self.start().execute("gramian", "ls", "layers", "net0@100")
        self.assertEqual(code, 0, text)
        self.assertIn("relu1", text)

    def test_backs_up_into_the_other_volume(self):
        container = self.start()
        container.execute("gramian", "push", "/mnt/digits/net0", "--network", "net0", "--step", "100")
        code, text = container.execute("gramian", "admin", "backup", "one")
        self.assertEqual(code, 0, text)
        self.assertNotIn("shares", text)
        self.assertIn("gramian.db", os.listdir(os.path.join(self.volumes["/var/backups/gramian"], "one")))

    def test_logs_are_lines_of_json(self):
        container = self.start()
        self.assertEqual(container.execute("gramian", "admin", "backup", "one")[0], 0)
        self.assertEqual(container.stop(), 0)
        lines = [line for line in container.log + container.rest if line.strip()]
        self.assertTrue(lines)
        for line in lines:
            self.assertIn("message", json.loads(line))

    def test_has_no_privileges_and_a_read_only_root(self):
        container = self.start()
        with open(f"/proc/{container.pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":\t", 1) for line in file)
        self.assertEqual(status["Uid"].split()[0], "10001")
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertNotEqual(container.execute("touch", "/etc/something")[0], 0)

    def test_healthcheck_says_no_without_a_server(self):
        container = self.start()
        code, _ = container.execute("gramian-healthcheck", "/livez", "9")
        self.assertNotEqual(code, 0)
        code, _ = container.execute("gramian-healthcheck", "/nothing")
        self.assertNotEqual(code, 0)

    def test_sigterm_to_the_first_process_drains(self):
        container = self.start()
        begin = time.monotonic()
        self.assertEqual(container.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)

    def test_installs_exactly_the_libraries_that_are_linked(self):
        needed = set()
        for program in ("gramiand", "gramian"):
            path = f"{self.stage.root}/usr/bin/{program}"
            needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", path)))
        packages = set()
        for library in needed:
            place = next(iter(glob.glob(f"{self.stage.root}/usr/lib/*/{library}")), None)
            self.assertIsNotNone(place, f"{library} is not in the image")
            resolved = run("chroot", self.stage.root, "readlink", "-f", place.removeprefix(self.stage.root)).strip()
            names = [resolved, resolved.removeprefix("/usr")]
            found = [line for name in names for line in subprocess.run(
                ["chroot", self.stage.root, "dpkg", "--search", name], text=True, capture_output=True).stdout.split("\n")]
            packages.add(next(line for line in found if line).split(":")[0])
        packages -= BASE_LIBRARIES
        self.assertEqual(packages, set(self.stage.packages))

    def test_can_be_listed(self):
        names = run("chroot", self.stage.root, "dpkg-query", "--show", "--showformat", "${Package}=${Version}\\n")
        self.assertIn("libgrpc++1.51=", names)
        for tool in ("gcc", "cmake", "curl", "python3"):
            self.assertFalse(os.path.exists(f"{self.stage.root}/usr/bin/{tool}"), tool)
        for label in ("title", "version", "revision", "created", "description", "base.name"):
            self.assertTrue(self.stage.labels.get("org.opencontainers.image." + label), label)

    def test_declares_what_its_arguments_name(self):
        flags = dict(argument.split("=") for argument in self.stage.arguments)
        self.assertEqual([flags["--listen"], flags["--metrics-listen"]],
                         [f"0.0.0.0:{port}" for port in self.stage.ports])
        self.assertEqual([flags["--data-dir"], flags["--backup-dir"]], self.stage.volumes)


def debian_root(cache):
    """Returns what lays a clean Debian 12 into a folder; the first one is kept in `cache`."""
    mirrors = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)").split("\n")
    mirror = next(line.split()[0] for line in mirrors if line.endswith(" bookworm"))

    def make(root):
        if not os.path.exists(cache + "/etc/debian_version"):
            print("image: debootstrap", flush=True)
            shutil.rmtree(cache, ignore_errors=True)
            run("debootstrap", "--variant=minbase", "bookworm", cache, mirror)
        run("cp", "--archive", f"{cache}/.", root)
        os.remove(root + "/etc/apt/sources.list")
        # The mirror of this machine, as it is set up here; an engine would give the image a network as well.
        for path in ("/etc/apt/sources.list.d", "/etc/apt/apt.conf.d", "/etc/resolv.conf", "/etc/hosts"):
            if os.path.exists(path):
                run("cp", "--recursive", "--dereference", path, os.path.dirname(root + path))
    return make


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True, help="folder with the Dockerfile")
    parser.add_argument("--work", required=True, help="folder for root file systems")
    parser.add_argument("--programs", help="folder with gramiand and gramian; without it the build stage is executed")
    options = parser.parse_args()
    work = os.path.abspath(options.work)
    stages = os.path.join(work, "stages")
    shutil.rmtree(stages, ignore_errors=True)
    given = {}
    if options.programs:
        given["build"] = os.path.join(stages, "build")
        target = os.path.join(given["build"], "out/usr/bin")
        os.makedirs(target)
        for program in ("gramiand", "gramian"):
            run("strip", "-o", os.path.join(target, program), os.path.join(options.programs, program))
    with open(os.path.join(options.source, "Dockerfile"), encoding="utf-8") as file:
        text = file.read()
    builder = dockerfile.Builder(options.source, stages, debian_root(os.path.join(work, "debian")), given)
    ImageTest.stage = builder.build(text)
    ImageTest.work = work
    ImageTest.examples = os.path.join(options.source, "examples")
    result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=2).result
    shutil.rmtree(stages, ignore_errors=True)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
