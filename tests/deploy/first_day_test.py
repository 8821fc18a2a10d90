#!/usr/bin/env python3
"""Executes the commands of docs/access.md that begin with nothing and end with a server that asks for certificates and
tokens and is watched by Prometheus: as they are written, in a network of their own, where their ports are free.

usage: first_day_test.py --source FOLDER --gramiand FILE --gramian FILE

Needs root (for the network), openssl, prometheus and promtool.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

options = argparse.Namespace()
HEADING = "## On one machine, from the beginning"
# What an outsider sees while the server runs; where the commands read the audit log, all of it is still there.
PROBE = """
for flags in "" "--tls-ca lab/ca.pem"; do
  if env -u GRAMIAN_TLS_CA -u GRAMIAN_TOKEN_FILE gramian --timeout 5 $flags ls networks; then echo "LET IN $flags"; fi
done
if gramian push examples/digits/net0 --network net2 --step 1 --order relu1,relu2,relu3,logits; then echo "LET WRITE"; fi
promtool query instant http://127.0.0.1:9090 'up{job="gramian"}'
"""


def commands():
    text = (options.source / "docs/access.md").read_text(encoding="utf-8")
    section = text.split(HEADING)[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    if len(blocks) != 1:
        raise AssertionError(f"{len(blocks)} blocks of commands in '{HEADING}'")
    return blocks[0]


class FirstDayTest(unittest.TestCase):
    def test_the_commands_do_what_the_text_says(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "build/release/bin").mkdir(parents=True)
            for program in (options.gramiand, options.gramian):
                (folder / "build/release/bin" / program.name).symlink_to(program.resolve())
            for part in ("examples", "deploy"):
                (folder / part).symlink_to(options.source.resolve() / part)
            written = commands()
            before, after = written.split("cat lab/audit.log\n")
            done = subprocess.run(
                ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c",
                 'ip link set lo up && exec bash -eu -o pipefail -c "$0"',
                 before + PROBE + "cat lab/audit.log\n" + after],
                cwd=folder, text=True, capture_output=True, timeout=240,
                env={key: value for key, value in os.environ.items() if not key.startswith("GRAMIAN_")})
            said = done.stdout + done.stderr
            self.assertEqual(done.returncode, 0, said)
            self.assertNotIn("LET ", said)
            self.assertRegex(done.stdout, r"gramian_store_layers\{.*job=\"gramian\"\} => 8")
            self.assertRegex(done.stdout, r'up\{.*job="gramian"\} => 1')
            self.assertIn("relu3", done.stdout)  # of the matrix
            audit = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"time"')]
            self.assertEqual({line["who"] for line in audit if line["outcome"] == "OK"}, {"training"})
            refused = {(line["who"], line["reason"]) for line in audit if line["outcome"] != "OK"}
            self.assertEqual(refused, {("", "CREDENTIALS_MISSING"), ("people", "ROLE_TOO_LOW")})
            for file in ("ca.key", "key.pem", "training.token", "people.token"):
                self.assertEqual((folder / "lab" / file).stat().st_mode & 0o077, 0, file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True, help="folder of the repository")
    parser.add_argument("--gramiand", type=pathlib.Path, required=True)
    parser.add_argument("--gramian", type=pathlib.Path, required=True)
    parser.parse_args(namespace=options)
    unittest.main(argv=sys.argv[:1], verbosity=2)


if __name__ == "__main__":
    main()
