"""Prints the results, and writes them as JSON and into docs/performance.md."""

import dataclasses
import json
import os
import pathlib
import platform
import re
import subprocess
import time

BEGIN = "<!-- results: begin (written by bench/run.sh) -->"
END = "<!-- results: end -->"


def _output(*command, cwd=None):
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    return result.stdout.strip()


def describe_machine(python, lib_bench):
    """What the numbers depend on besides the code."""
    cpu_info = pathlib.Path("/proc/cpuinfo").read_text()
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)
    peers = (
        "import numpy, scipy, sklearn, threadpoolctl as t;"
        "blas = t.threadpool_info()[0];"
        "print(f'numpy {numpy.__version__} (OpenBLAS {blas[\"version\"]}, {blas[\"architecture\"]}),"
        " scipy {scipy.__version__}, scikit-learn {sklearn.__version__}')"
    )
    gemm = json.loads(_output(str(lib_bench), "--threads=1", "gemm"))
    family = re.search(r"cpu family\s*: (.*)", cpu_info).group(1)
    model = re.search(r"model\s*: (.*)", cpu_info).group(1)
    name = re.search(r"model name\s*: (.*)", cpu_info).group(1)
    return {
        "processor": f"{name} (family {family}, model {model}), {os.cpu_count()} cores",
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "compiler": _output("c++", "--version").splitlines()[0],
        "blas_core": gemm["blas_core"],
        "peers": _output(str(python), "-c", peers),
    }


def describe_commit(root):
    commit = _output("git", "rev-parse", "--short=12", "HEAD", cwd=root) or "unknown"
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", cwd=root)
    code = [line for line in changed.splitlines() if not line.endswith("docs/performance.md")]
    return commit + (" with local changes" if code else "")


def figure(check, value):
    if check.unit == "":
        return f"{value:.1e}"
    if check.unit == "x":
        return f"{value:.0f}x" if value >= 20 else f"{value:.1f}x"
    return f"{value:.0f} {check.unit}"


def cells(check):
    """Row, what, ours, peer, figure, goal, met; a check without a goal is for information."""
    if check.goal == 0:
        goal, met = "-", "-"
    else:
        goal = ("at least " if check.at_least else "at most ") + figure(check, check.goal)
        met = "yes" if check.met else "NO"
    return [
        str(check.row),
        check.what,
        check.ours,
        check.peer,
        figure(check, check.figure),
        goal,
        met,
    ]


HEADERS = ["row", "work / peer", "ours", "peer", "figure", "goal", "met"]


def text_table(checks):
    lines = [HEADERS] + [cells(check) for check in checks]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADERS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in lines
    )


def markdown_table(checks):
    lines = [HEADERS, ["---"] * len(HEADERS)] + [cells(check) for check in checks]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_json(path, checks, facts):
    rows = [dict(dataclasses.asdict(check), met=check.goal == 0 or check.met) for check in checks]
    path.write_text(json.dumps({**facts, "checks": rows}, indent=2) + "\n")


def rewrite_page(path, checks, facts):
    """Replaces what stands between the two markers of the page."""
    machine = facts["machine"]
    block = [
        BEGIN,
        "",
        f"Made by `{facts['command']}` on {facts['date']} at commit {facts['commit']}; load average",
        f"before the run {facts['load_before']:.2f}. {machine['processor']}, {machine['memory']};",
        f"{machine['system']}; {machine['compiler']}; OpenBLAS kernel {machine['blas_core']};",
        f"{machine['peers']}.",
        "",
        markdown_table(checks),
        "",
        END,
    ]
    page = path.read_text()
    start, end = page.index(BEGIN), page.index(END) + len(END)
    path.write_text(page[:start] + "\n".join(block) + page[end:])


def facts_of_run(command, machine, root, load_before):
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "commit": describe_commit(root),
        "load_before": load_before,
        "machine": machine,
    }
