#!/usr/bin/env python3
"""The monitoring files against a real gramiand and a real Prometheus.

usage: monitoring_test.py --gramiand FILE --gramian FILE

Needs promtool and prometheus (Debian package prometheus). Everything listens on free ports of 127.0.0.1.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "..", "..", "deploy", "monitoring")
RULES = os.path.join(FILES, "gramian.rules.yaml")
DASHBOARD = os.path.join(FILES, "gramian-dashboard.json")
PATIENCE_SECONDS = 60
# What Prometheus itself knows of a target.
OF_PROMETHEUS = {"up"}

options = None


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def eventually(what, condition):
    """The first true value of condition(), which may raise OSError until then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            value = condition()
            if value:
                return value
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {PATIENCE_SECONDS} s")
        time.sleep(0.2)


def expressions_of_rules():
    """(name, expression) of each rule; the file has one key a line, and blocks are indented further."""
    rules = []
    with open(RULES, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"\s+- (?:record|alert): (\S+)", line)
        if match:
            name = match.group(1)
        match = re.match(r"(\s+)expr: (.*)", line)
        if not match:
            continue
        expression = match.group(2)
        if expression == "|":
            block = []
            for more in lines[number + 1:]:
                if more.strip() and not more.startswith(match.group(1) + " "):
                    break
                block.append(more.strip())
            expression = " ".join(block)
        rules.append((name, expression))
    return rules


def expressions_of_panels():
    """(title, expression) of each panel, with the variables of the dashboard standing for everything."""
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    found = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = re.sub(r"\$(instance|project)", ".*", target["expr"])
            found.append((panel["title"], expression))
    return found


def compared(name, expression):
    """What a rule or panel compares with its limit, which has data while all is well; nothing is missing then."""
    if ":" in name:
        return [expression]
    parts = [part for part in re.split(r"\sor\s", expression) if not part.startswith("absent(")]
    return [re.sub(r"\s(==|>|<|<=) [0-9. *]+$", "", part) for part in parts]


def metrics_in(expression):
    """Names of metrics an expression selects: those before a brace, a bracket, or that nothing else explains."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    names = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b", re.sub(r"\[[^\]]*\]", "", bare))
    words = {"and", "or", "unless", "bool", "offset"}
    return {name for name in names if name not in words and not re.match(r"^[smhdw]$", name)
            and not re.search(rf"\b{re.escape(name)}\s*\(", bare)}


def write_layer(path, scale):
    """A layer of 32 inputs and 3 features, as a .npy file without numpy."""
    values = [(i * 7919 % 101) + scale * (i * i % 13) for i in range(96)]
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (32, 3), }"
    header += " " * (117 - len(header)) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<96f", *values))


class MonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gramian_monitoring_")
        cls.processes = []
        port_file = os.path.join(cls.folder, "ports")
        # With a certificate and a quota, whose metrics are there only then.
        cls.authority, key = os.path.join(cls.folder, "cert.pem"), os.path.join(cls.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=gramiand", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", cls.authority], check=True, capture_output=True)
        cls.start([options.gramiand, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                   "--port-file", port_file, "--data-dir", os.path.join(cls.folder, "data"),
                   "--tls-cert", cls.authority, "--tls-key", key, "--project-bytes", "1GiB",
                   "--memory-bytes", "1GiB", "--disk-reserve-bytes", "1MiB"], "gramiand.log")
        line = eventually("the port file", lambda: read(port_file).strip())
        cls.grpc = re.search(r"grpc=(\S+)", line).group(1)
        cls.metrics = re.search(r"metrics=(\S+)", line).group(1)
        cls.make_traffic()

    @classmethod
    def tearDownClass(cls):
        for process in cls.processes:
            process.terminate()
        for process in cls.processes:
            process.wait(timeout=60)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def start(cls, command, log):
        with open(os.path.join(cls.folder, log), "w", encoding="utf-8") as file:
            cls.processes.append(subprocess.Popen(command, stdout=file, stderr=file))

    @classmethod
    def gramian(cls, *arguments):
        return subprocess.run([options.gramian, "--server", cls.grpc, "--tls-ca", cls.authority, *arguments], check=True,
                              capture_output=True, text=True, timeout=PATIENCE_SECONDS).stdout

    @classmethod
    def push(cls, network, step, scale):
        folder = os.path.join(cls.folder, f"{network}-{step}")
        os.makedirs(folder)
        write_layer(os.path.join(folder, "head.npy"), scale)
        cls.gramian("push", folder, "--network", network, "--step", str(step))

    @classmethod
    def make_traffic(cls):
        cls.push("run", 1, 1)
        cls.push("run", 2, 5)
        cls.gramian("watch", "create", "drift", "run", "run@1", "--layers", "head")
        cls.gramian("compare", "run@1", "run@2")
        eventually("the score", lambda: "gramian_watch_score{" in cls.page())

    @classmethod
    def page(cls):
        return get(f"http://{cls.metrics}/metrics")

    @classmethod
    def exported(cls):
        names = set()
        for line in cls.page().splitlines():
            match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)[ {]", line)
            if match:
                names.add(match.group(1))
        return names

    def promtool(self, *arguments, **more):
        result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, **more)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_page_passes_the_linter(self):
        self.assertEqual(self.promtool("check", "metrics", input=self.page()), "")

    def test_rules_are_well_formed_and_fire_when_they_should(self):
        self.promtool("check", "rules", RULES)
        self.promtool("test", "rules", "gramian.rules.test.yaml", cwd=HERE)

    def test_every_alert_is_tested_and_described(self):
        with open(os.path.join(HERE, "gramian.rules.test.yaml"), encoding="utf-8") as file:
            tested = set(re.findall(r'alertname="(\w+)"', file.read()))
        with open(os.path.join(HERE, "..", "..", "docs", "operations.md"), encoding="utf-8") as file:
            text = file.read()
        alerts = {name for name, _ in expressions_of_rules() if ":" not in name}
        self.assertEqual(alerts, tested)
        for alert in alerts:
            self.assertIn(f"\n| {alert} | ", text)

    def test_everything_named_is_exported(self):
        recorded = {name for name, _ in expressions_of_rules() if ":" in name}
        known = self.exported() | recorded | OF_PROMETHEUS
        asked = expressions_of_rules() + expressions_of_panels()
        self.assertGreater(len(asked), 40)
        for where, expression in asked:
            names = metrics_in(expression)
            self.assertTrue(names, expression)
            self.assertLessEqual(names, known, f"{where}: {expression}")

    def test_every_recorded_series_is_shown_or_alerted_on(self):
        users = [e for n, e in expressions_of_rules()] + [e for _, e in expressions_of_panels()]
        for name, _ in expressions_of_rules():
            if ":" in name:
                self.assertTrue(any(name in expression for expression in users), name)

    def run_top(self, keys):
        """`gramian top` on a terminal: what it wrote, and its exit code, after typing keys."""
        import pty
        child, terminal = pty.fork()
        if child == 0:
            os.environ["TERM"] = "xterm"
            os.execv(options.gramian, [options.gramian, "--server", self.grpc, "--tls-ca", self.authority, "top",
                                       "--interval", "0.2"])
        shown = b""
        while shown.count(b"q quits") < 2:
            shown += os.read(terminal, 4096)
        os.write(terminal, keys)
        try:
            while more := os.read(terminal, 4096):
                shown += more
        except OSError:
            pass  # The terminal is gone with the process.
        os.close(terminal)
        return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_top_leaves_the_terminal_as_it_was(self):
        for keys in (b"q", b"\x03"):
            shown, exit_code = self.run_top(keys)
            self.assertEqual(exit_code, 0)
            self.assertIn("/s ok", shown)
            self.assertTrue(shown.endswith("\x1b[?25h\x1b[?1049l"), repr(shown[-40:]))

    def test_prometheus_scrapes_and_expressions_return_data(self):
        config = os.path.join(self.folder, "prometheus.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                       "rule_files": [os.path.abspath(RULES)],
                       "scrape_configs": [{"job_name": "gramian", "static_configs": [{"targets": [self.metrics]}]}]},
                      file)
        address = f"127.0.0.1:{free_port()}"
        self.start(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
                    f"--web.listen-address={address}"], "prometheus.log")

        def query(expression):
            text = get(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
            return json.loads(text)["data"]["result"]

        eventually("a scrape", lambda: query('up{job="gramian"} == 1'))
        self.gramian("compare", "run@1", "run@2", "--measure", "procrustes")
        # The refusals of the panel are shown only if there are any.
        asked = [(name, part) for name, expression in expressions_of_rules() + expressions_of_panels()
                 for part in compared(name, expression)]
        for where, expression in asked:
            eventually(f"data of {where}: {expression}", lambda: query(expression))
        score = query('gramian_watch_score{project="default", watch="drift"}')
        self.assertEqual(len(score), 1)
        self.assertEqual(float(query("gramian_watch_step")[0]["value"][1]), 2)


class StatesTest(unittest.TestCase):
    """Servers in states that alerts are for show what the alerts look at."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def start(self, *flags):
        port_file = os.path.join(self.folder, "ports")
        process = subprocess.Popen(
            [options.gramiand, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--port-file", port_file,
             "--memory-bytes", "1GiB", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, timeout=60)
        self.addCleanup(process.terminate)
        line = eventually("the port file", lambda: read(port_file).strip())
        self.grpc = re.search(r"grpc=(\S+)", line).group(1)
        self.metrics = re.search(r"metrics=(\S+)", line).group(1)

    def value(self, metric):
        for line in get(f"http://{self.metrics}/metrics").splitlines():
            if line.startswith(metric + " "):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"{metric} is not on the page")

    def test_a_disk_that_is_full_up_to_its_reserve(self):
        disk = os.statvfs(self.folder)
        # An upload would fit on the disk, were it empty.
        reserve = disk.f_blocks * disk.f_frsize - (1 << 20)
        self.start("--data-dir", os.path.join(self.folder, "data"), "--disk-reserve-bytes", str(reserve))
        self.assertLess(self.value("gramian_store_free_disk_bytes") - self.value("gramian_store_disk_reserve_bytes"), 0)
        refused = 'gramian_refused_total{reason="DISK_FULL"}'
        self.assertEqual(self.value(refused), 0)
        layers = os.path.join(self.folder, "run")
        os.makedirs(layers)
        write_layer(os.path.join(layers, "head.npy"), 1)
        # Clients try again for minutes.
        client = subprocess.Popen([options.gramian, "--server", self.grpc, "push", layers, "--network", "run", "--step", "1"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait, timeout=60)
        self.addCleanup(client.terminate)
        eventually("a refusal", lambda: self.value(refused) > 0)

    def test_connections_beyond_the_limit(self):
        import socket
        self.start("--max-connections", "1")
        host, _, port = self.grpc.rpartition(":")
        refused = 'gramian_connections_total{result="refused"}'
        self.assertEqual(self.value(refused), 0)
        with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))):
            eventually("a refusal", lambda: self.value(refused) > 0)

    def test_mapped_files_are_not_memory_that_only_the_process_holds(self):
        self.start("--data-dir", os.path.join(self.folder, "data"), "--disk-reserve-bytes", "1MiB")
        # Its program and libraries are mapped files as well.
        self.assertLess(self.value("gramian_memory_bytes"), self.value("process_resident_memory_bytes"))
        self.assertEqual(self.value("gramian_memory_limit_bytes"), 1 << 30)


def free_port():
    import socket
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--gramiand", required=True)
    parser.add_argument("--gramian", required=True)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
