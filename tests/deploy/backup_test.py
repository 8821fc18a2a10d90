"""`gramian admin backup` of a server that is busy, restoring, and data directories of earlier formats."""
import argparse
import pathlib
import re
import sqlite3
import sys
import tempfile
import threading
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
