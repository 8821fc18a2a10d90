#!/usr/bin/env python3
"""Checks the demo's answers.

usage: check_demo.py EXPECTED.json FIRST_FOLDER SECOND_FOLDER

FIRST_FOLDER holds NAME.json for every matrix of EXPECTED.json, as `gramian --output` wrote it; SECOND_FOLDER the same
asked again. Every value must be the expected one within the tolerance, and the second answer the first one's, bit by bit,
from the cache.
"""

import json
import os
import sys


def differences(name, expected, tolerance, first, second):
    """Yields what is wrong with one matrix."""
    short = [label.split("/")[-1] for label in first["rows"]]
    if short != expected["labels"]:
        yield f"rows are {short}, not {expected['labels']}"
        return
    for i, row in enumerate(expected["values"]):
        for j, value in enumerate(row):
            got = first["values"][i][j]
            if got is None or abs(got - value) > tolerance:
                yield f"[{i}][{j}] is {got}, not {value} within {tolerance}"
    if second["values"] != first["values"]:
        yield "asked again, the values differ"
    cells = len(first["rows"]) * len(first["columns"])
    if second["cached_count"] != cells:
        yield f"asked again, {second['cached_count']} of {cells} cells came from the cache"


def load(folder, name):
    with open(os.path.join(folder, name + ".json"), encoding="utf-8") as stream:
        return json.load(stream)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as stream:
        expected = json.load(stream)
    count, wrong = 0, 0
    for name, matrix in expected["matrices"].items():
        for problem in differences(
            name, matrix, expected["tolerance"], load(sys.argv[2], name), load(sys.argv[3], name)
        ):
            print(f"{name}: {problem}", file=sys.stderr)
            wrong += 1
        count += sum(len(row) for row in matrix["values"])
    if wrong:
        sys.exit(1)
    print(f"all {count} values are as expected, and the same when asked again")


if __name__ == "__main__":
    main()
