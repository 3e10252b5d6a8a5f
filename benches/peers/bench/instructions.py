"""`benches/instructions`: the warm path under callgrind."""

import argparse
import re
import subprocess
import sys
import time

from .client import Crowd, request
from .portcullis import Gateway, Settings
from .process import CannotMeasure
from .stand import STATE, Stand

CONNECTIONS = 16


def main():
    parser = argparse.ArgumentParser(prog="benches/instructions")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--functions", type=int, default=0, help="show so many of the dearest")
    options = parser.parse_args()
    try:
        with Stand(short=True) as stand:
            functions = _counted(stand, options.requests)
            total, hashing = sum(functions.values()), _hashing(functions)
            print(f"{total - hashing:,.0f} instructions a request without SHA-256, "
                  f"{total:,.0f} with it ({options.requests:,} requests, RS256 seen before)")
            dearest = sorted(functions.items(), key=lambda item: -item[1])
            for name, count in dearest[:options.functions]:
                print(f"{count:9,.1f}  {name[:100]}")
    except CannotMeasure as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    return 0


def _counted(stand, count):
    """Instructions a request by function, each function's own."""
    asks = [request(token) for token in stand.rsa.kept_tokens(STATE, 100)]
    dump = stand.folder / "callgrind.out"
    tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={dump}"]
    with Gateway(stand, Settings(), under=tool) as gateway, Crowd(gateway.port, CONNECTIONS) as crowd:
        _all_good(crowd.ask(asks * 10))
        _control(gateway, "--instr=on")
        _all_good(crowd.ask([asks[n % len(asks)] for n in range(count)]))
        _control(gateway, "--instr=off")
        _control(gateway, "--dump=measured")
        file = _written(stand.folder)
    run = subprocess.run(["callgrind_annotate", "--threshold=100", file],
                         capture_output=True, text=True, check=True)
    functions = {}
    for number, what in re.findall(r"^ *([\d,]+) +\([^)]*\)  +(\S*:.*)$", run.stdout, re.MULTILINE):
        name = what.split(" [")[0].rsplit("/", 1)[-1]
        functions[name] = functions.get(name, 0) + int(number.replace(",", "")) / count
    return functions


def _hashing(functions):
    """Valgrind's processor has no instructions for SHA-256, real ones do it in a tenth."""
    return sum(count for name, count in functions.items() if "sha256_block" in name)


def _control(gateway, order):
    """Tells callgrind something; it is taken note of when the program next runs."""
    run = subprocess.run(["callgrind_control", order, str(gateway.process.pid)],
                         capture_output=True, text=True, check=False)
    if run.returncode or "OK" not in run.stdout:
        raise CannotMeasure(f"callgrind_control {order}: {run.stdout}{run.stderr}")


def _written(folder):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        files = sorted(folder.glob("callgrind.out.*"))
        if files and "totals:" in files[0].read_text():
            return files[0]
        time.sleep(0.1)
    raise CannotMeasure("callgrind wrote nothing")


def _all_good(statuses):
    if set(statuses) != {200}:
        raise CannotMeasure(f"answers: {statuses}")


sys.exit(main())
