"""Measures every row of the speed table side by side with its peer. Started by bench/run.sh."""

import argparse
import os
import pathlib
import subprocess

import report
import rows

ROOT = pathlib.Path(__file__).resolve().parent.parent


def make_data(plan):
    """Generates the input unless a run of the same size already did."""
    plan.data.mkdir(parents=True, exist_ok=True)
    sizes = {
        "inputs": plan.inputs,
        "features": plan.features,
        "layers": plan.layers,
        "flat-inputs": plan.flat_inputs,
        "offset-inputs": plan.offset_inputs,
        "offset-features": plan.offset_features,
    }
    script = pathlib.Path(__file__).parent / "make_data.py"
    arguments = [f"--{name}={value}" for name, value in sizes.items()]
    stamp = plan.data / "made-by"
    recipe = script.read_text() + " ".join(arguments)
    if stamp.exists() and stamp.read_text() == recipe:
        return
    stamp.unlink(missing_ok=True)
    subprocess.run([plan.python, script, plan.data, *arguments], check=True)
    stamp.write_text(recipe)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=pathlib.Path, required=True, help="with NumPy and SciPy")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder")
    parser.add_argument("--quick", action="store_true", help="small sizes, no goals, no page")
    parser.add_argument("--rows", type=int, nargs="+", default=list(rows.ROWS), help="only these")
    args = parser.parse_args()

    name = "quick" if args.quick else "full"
    output = args.build / "bench"
    plan = rows.Plan(args.python, args.build / "bin", output / f"data-{name}", args.quick)
    if args.quick:
        plan.make_small()
    load_before = os.getloadavg()[0]
    make_data(plan)
    checks = rows.measure(plan, args.rows)
    if args.quick:
        for check in checks:
            check.goal = 0  # Goals are about the full size.

    command = "bench/run.sh" + (" --quick" if args.quick else "")
    machine = report.describe_machine(plan.python, plan.programs / "lib_bench")
    facts = report.facts_of_run(command, machine, ROOT, load_before)
    results = output / f"results-{name}.json"
    report.write_json(results, checks, facts)
    print(report.text_table(checks))
    print(f"written: {results}")
    if args.quick:
        print("quick: everything ran and agreed; times of such small inputs mean nothing")
    elif args.rows == list(rows.ROWS):
        report.rewrite_page(ROOT / "docs" / "performance.md", checks, facts)
        print("written: docs/performance.md")


if __name__ == "__main__":
    main()
