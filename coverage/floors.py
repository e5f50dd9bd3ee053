"""Compare covered lines per crate with their floors: floors.py REPORT [-p PACKAGE…]

REPORT is `cargo llvm-cov --json --summary-only`. With packages, only their crates are judged. Exits with 1 below a floor.
"""

import json
import sys
from collections import Counter
from pathlib import Path

DEFAULT = 80
FLOORS = {
    "core": 90,
    "auth": 90,
    "storage": 85,
    "storage-postgres": 85,
    "storage-sqlite": 85,
    "storage-objects": 85,
    "engine": 85,
    "realtime": 85,
}


def main(report, *packages):
    """Print a line per crate."""
    root = Path(__file__).resolve().parent.parent
    judged = {package.removeprefix("less-sync-") for package in packages if package != "-p"}
    lines, covered = Counter(), Counter()
    for file in json.loads(Path(report).read_text())["data"][0]["files"]:
        parts = Path(file["filename"]).relative_to(root).parts
        if parts[0] in ("crates", "bins") and "src" in parts:
            lines[parts[1]] += file["summary"]["lines"]["count"]
            covered[parts[1]] += file["summary"]["lines"]["covered"]
    below = []
    for crate in sorted(lines):
        if judged and crate not in judged:
            continue
        percent, floor = 100 * covered[crate] / lines[crate], FLOORS.get(crate, DEFAULT)
        print(f"{crate:24} {percent:6.1f} %  floor {floor} %")
        if percent < floor:
            below.append(crate)
    if below:
        sys.exit(f"error: below the floor: {', '.join(below)}")


main(*sys.argv[1:])
