"""The HTTP/2 part of bar 7: many requests at a time on few connections, without TLS."""

import re
import statistics
import subprocess

from .. import peers
from ..portcullis import Gateway, Settings
from ..process import LOAD_CORE, CannotMeasure
from ..stand import STATE

CONNECTIONS = 4
STREAMS = 32
LIMIT = 0.60


def add(stand, bar, say):
    """Adds its figures to the bar."""
    token = stand.rsa.kept_tokens(STATE, 100)[0]
    with Gateway(stand, Settings(http2=True)) as own:
        subjects = {
            "own": (own.process, own.port),
            "cache": peers.envoy(stand, stand.rsa, cache=True),
            "plain": peers.envoy(stand),
        }
        costs = {name: [] for name in subjects}
        # In turn, so that whatever else the machine does meets all of them.
        for _ in range(stand.rounds):
            for name, (process, port) in subjects.items():
                costs[name].append(_cost(process, port, token, stand.short))
    medians = {name: statistics.median(all_of) for name, all_of in costs.items()}
    say("HTTP/2: " + ", ".join(f"{name} {cost:.1f} µs" for name, cost in medians.items()))
    what = f"HTTP/2, {STREAMS} streams a connection, CPU a request ÷ Envoy"
    bar.check(f"{what} from its cache", medians["own"] / medians["cache"], LIMIT)
    bar.check(f"{what} that checks nothing", medians["own"] / medians["plain"], LIMIT)


def _cost(process, port, token, short):
    """Microseconds of processor time a request."""
    count = 40_000 if short else 200_000
    before = process.cpu()
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "h2load", "-t1", f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-n{count}",
         f"--header=authorization: Bearer {token}", f"http://127.0.0.1:{port}/orders/42"],
        capture_output=True, text=True, check=False, timeout=120,
    )
    cost = (process.cpu() - before).total
    good = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", run.stdout)
    if not good or int(good[1]) != count or "Application protocol: h2" not in run.stdout:
        raise CannotMeasure(f"h2load: {run.stdout}{run.stderr}")
    return cost / count * 1e6
