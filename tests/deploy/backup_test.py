"""`gramian admin backup` of a server that is busy, restoring, and data directories of earlier formats."""
import argparse
import os
import pathlib
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from gramian_programs import Server, gramian, write_npy

options = argparse.Namespace()
ROWS, COLUMNS = 128, 64
LAYERS = ("conv1", "conv2")


class DataTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "backups").mkdir()
        self.content = {}

    def start(self, data, *flags):
        server = Server(options.gramiand, f"--data-dir={self.folder / data}", *flags)
        self.addCleanup(server.kill)
        return server

    def make(self, network, step):
        """Activations of a snapshot, in a folder of their own."""
        folder = self.folder / f"{network}-{step}"
        folder.mkdir()
        for layer in LAYERS:
            self.content[network, step, layer] = write_npy(folder / f"{layer}.npy", ROWS, COLUMNS,
                                                           f"{network}@{step}/{layer}")
        return folder

    def push(self, server, network, step):
        done = gramian(options.gramian, server.address, "push", self.make(network, step), "--network", network,
                       "--step", step)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_holds(self, server, snapshots):
        for network, step in snapshots:
            pulled = self.folder / "pulled" / server.address.replace(":", "-") / f"{network}-{step}"
            pulled.parent.mkdir(parents=True, exist_ok=True)
            done = gramian(options.gramian, server.address, "pull", f"{network}@{step}", "-o", pulled)
            self.assertEqual(done.returncode, 0, done.stderr)
            for layer in LAYERS:
                data = (pulled / f"{layer}.npy").read_bytes()
                self.assertEqual(data[-4 * ROWS * COLUMNS:], self.content[network, step, layer])


class BackupTest(DataTest):
    def test_of_a_busy_server_restores_bit_for_bit(self):
        server = self.start("data", f"--backup-dir={self.folder / 'backups'}")
        acknowledged, stop = [], threading.Event()

        def upload(network):
            step = 0
            while not stop.is_set() and step < 200:
                self.push(server, network, step)
                acknowledged.append((network, step))
                step += 1

        clients = [threading.Thread(target=upload, args=(f"net{index}",)) for index in range(3)]
        for client in clients:
            client.start()
        backups = {}
        for name in ("first", "second"):
            while len(acknowledged) < 6 * (len(backups) + 1):
                self.assertTrue(any(client.is_alive() for client in clients))
                stop.wait(0.01)
            before = list(acknowledged)
            done = gramian(options.gramian, server.address, "admin", "backup", name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(str(self.folder / "backups" / name), done.stdout)
            backups[name] = before
        stop.set()
        for client in clients:
            client.join()
        self.assertEqual(server.stop(), 0)
        for name, snapshots in backups.items():
            restored = self.start(f"backups/{name}")
            self.assert_holds(restored, snapshots)
            self.assertEqual(restored.stop(), 0)
            self.assertEqual(restored.errors, "")

    def test_outlives_the_loss_of_the_data_directory(self):
        server = self.start("data", f"--backup-dir={self.folder / 'backups'}")
        self.push(server, "net", 1)
        done = gramian(options.gramian, server.address, "admin", "backup", "one")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = gramian(options.gramian, server.address, "rm", "net@1")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.kill()
        restored = self.start("backups/one")
        self.assert_holds(restored, [("net", 1)])

    def test_a_name_that_exists_and_one_that_leaves_the_folder_are_refused(self):
        server = self.start("data", f"--backup-dir={self.folder / 'backups'}")
        self.assertEqual(gramian(options.gramian, server.address, "admin", "backup", "one").returncode, 0)
        done = gramian(options.gramian, server.address, "admin", "backup", "one")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists", done.stderr)
        for name in ("../one", "/tmp/one", ".one", "a b", "a/b", "x" * 201):
            done = gramian(options.gramian, server.address, "admin", "backup", name)
            self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([path.name for path in (self.folder / "backups").iterdir()], ["one"])

    def test_without_a_name_it_is_the_time(self):
        server = self.start("data", f"--backup-dir={self.folder / 'backups'}")
        self.assertEqual(gramian(options.gramian, server.address, "admin", "backup").returncode, 0)
        (made,) = (self.folder / "backups").iterdir()
        self.assertRegex(made.name, r"^\d{8}T\d{6}Z$")

    def test_a_server_without_the_flag_says_so(self):
        server = self.start("data")
        done = gramian(options.gramian, server.address, "admin", "backup", "one")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--backup-dir", done.stderr)


class DocumentTest(DataTest):
    """The commands of docs/operations.md and of the Job that restores, with folders of this test for those of a machine."""

    def setUp(self):
        super().setUp()
        for folder in ("lib", "backups/gramian"):
            (self.folder / folder).mkdir()
        self.server = None

    def here(self, text):
        return text.replace("/var/lib/", f"{self.folder}/lib/").replace("/var/backups/", f"{self.folder}/backups/")

    def run_shell(self, command, **environment):
        done = subprocess.run(["sh", "-euc", self.here(command)], text=True, capture_output=True,
                              env=dict(os.environ, **environment))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def execute(self, line):
        words = shlex.split(self.here(line), comments=True)
        if words[0] == "gramiand":
            if self.server is not None:
                self.assertEqual(self.server.stop(), 0)
            self.server = Server(options.gramiand, *words[1:])
            self.addCleanup(self.server.kill)
        elif words[0] == "gramian":
            done = gramian(options.gramian, self.server.address, *words[1:])
            self.assertEqual(done.returncode, 0, done.stderr)
        else:
            self.run_shell(line)

    def section(self, heading):
        """Its blocks of commands, each a list of lines."""
        text = (options.source / "docs/operations.md").read_text(encoding="utf-8")
        section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        return [block.replace("\\\n", " ").splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]

    def test_backup_and_restore_as_written(self):
        make, contained, restore, restore_contained = self.section("Backup and restore")
        self.execute(make[0])
        self.push(self.server, "net", 1)
        for line in make[1:]:
            self.execute(line)
        self.push(self.server, "net", 2)
        for line in restore:
            self.execute(line)
        self.assert_holds(self.server, [("net", 1)])
        done = gramian(options.gramian, self.server.address, "ls", "layers", "net@2")
        self.assertNotEqual(done.returncode, 0)
        # In a container or pod the same command, and another way to the copy.
        command = [line for line in make if line.startswith("gramian ")][0].partition("#")[0].strip()
        self.assertEqual(contained, ["docker exec gramian " + command, "kubectl -n gramian exec gramian-0 -- " + command])
        copy = re.search(r"--entrypoint (\w+) gramian (.*)", restore_contained[-1])
        (self.folder / "lib/gramian").rename(self.folder / "lib/lost")
        (self.folder / "lib/gramian").mkdir()
        self.run_shell(f"{copy[1]} {copy[2]}")
        self.execute("gramiand --data-dir /var/lib/gramian")
        self.assert_holds(self.server, [("net", 1)])

    def test_a_backup_before_an_upgrade_takes_the_place_of_the_data(self):
        self.execute("gramiand --data-dir /var/lib/gramian --backup-dir /var/backups/gramian")
        self.push(self.server, "net", 1)
        for line in self.section("Upgrading")[0]:
            self.execute(line)
        self.push(self.server, "net", 2)
        self.assertEqual(self.server.stop(), 0)
        text = (options.source / "deploy/kubernetes/restore.yaml").read_text(encoding="utf-8")
        name = re.search(r"name: BACKUP\n +value: (\S+)\n", text)[1]
        script = re.search(r"- -euc\n +- \|\n((?: {14}.*\n)+)", text)[1]
        for _ in range(2):
            self.run_shell(script, BACKUP=name)
            self.server = None
            self.execute("gramiand --data-dir /var/lib/gramian")
            self.assert_holds(self.server, [("net", 1)])
            self.assertNotEqual(gramian(options.gramian, self.server.address, "ls", "layers", "net@2").returncode, 0)
            self.assertEqual(self.server.stop(), 0)
            time.sleep(1)  # What was replaced has the second in its name.
        replaced = sorted((self.folder / "backups/gramian").glob("replaced-*"))
        self.assertEqual(len(replaced), 2)
        self.server = None
        self.execute(f"gramiand --data-dir {replaced[0]}")
        self.assert_holds(self.server, [("net", 2)])


class UpgradeTest(DataTest):
    """Data directories as earlier versions left them, made of a new one by what the formats added since."""

    def formats(self):
        source = (options.source / "lib/gramian/store/sqlite_catalog.cc").read_text(encoding="utf-8")
        return re.findall(r'constexpr char kFormat\d\[\] = R"sql\((.*?)\)sql"', source, re.DOTALL)

    def downgrade(self, path, version):
        """Writes the catalog anew in an earlier format."""
        old = sqlite3.connect(path.with_suffix(".old"))
        for statements in self.formats()[:version]:
            old.executescript(statements)
        new = sqlite3.connect(path)
        self.assertGreater(new.execute("PRAGMA user_version").fetchone()[0], version)
        for (table,) in old.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
            for row in new.execute(f"SELECT {','.join(columns)} FROM {table}"):
                old.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(columns))})", row)
        old.execute(f"PRAGMA application_id={new.execute('PRAGMA application_id').fetchone()[0]}")
        old.execute(f"PRAGMA user_version={version}")
        old.commit()
        old.close()
        new.close()
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(path) + suffix).unlink(missing_ok=True)
        path.with_suffix(".old").rename(path)

    def test_every_format_without_checksums_is_read_and_written_on(self):
        for version in (1, 2):
            with self.subTest(format=version):
                data = f"data{version}"
                server = self.start(data)
                self.push(server, f"net{version}", 1)
                self.assertEqual(gramian(options.gramian, server.address, "pin", f"net{version}@1").returncode, 0)
                self.assertEqual(server.stop(), 0)
                self.downgrade(self.folder / data / "gramian.db", version)
                upgraded = self.start(data, f"--backup-dir={self.folder / 'backups'}")
                self.assert_holds(upgraded, [(f"net{version}", 1)])
                self.push(upgraded, f"net{version}", 2)
                done = gramian(options.gramian, upgraded.address, "admin", "backup", data)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(upgraded.stop(), 0)
                self.assertEqual(upgraded.errors, "")
                restored = self.start(f"backups/{data}")
                self.assert_holds(restored, [(f"net{version}", 1), (f"net{version}", 2)])

    def test_a_format_of_the_future_is_refused_and_left_as_it_is(self):
        server = self.start("data")
        self.push(server, "net", 1)
        self.assertEqual(server.stop(), 0)
        catalog = self.folder / "data" / "gramian.db"
        database = sqlite3.connect(catalog)
        database.execute("PRAGMA user_version=99")
        database.close()
        before = catalog.read_bytes()
        with self.assertRaisesRegex(RuntimeError, "has format 99"):
            self.start("data")
        self.assertEqual(catalog.read_bytes(), before)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True, help="folder of the repository")
    parser.add_argument("--gramiand", required=True)
    parser.add_argument("--gramian", required=True)
    parser.add_argument("tests", nargs="*")
    parser.parse_args(namespace=options)
    unittest.main(argv=[sys.argv[0], *options.tests], verbosity=2)


if __name__ == "__main__":
    main()
