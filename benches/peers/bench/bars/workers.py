"""Bar 4, two workers: they share few connections fairly, and do twice the work."""

import statistics

from ..client import Crowd, request
from ..load import measure as load
from ..portcullis import Gateway, Settings
from ..process import LOAD_CORE, PROXY_CORE
from ..verdict import Bar

BOTH = (PROXY_CORE, LOAD_CORE)
FEW = 4
# So many runs that one unfair in eight, which is chance, shows.
RUNS = 40
# Below this part of the work, a worker has been idle while the other queued.
FAIR = 0.25


def measure(stand, _table, say):
    """With two cores, load and upstream cannot be kept out of two workers' way: so the bar's second
    form is used, the CPU a request beside that of one worker."""
    bar = Bar(4, "Two workers")
    requests = stand.rotating(stand.ec)
    with (Gateway(stand, Settings()) as one,
          Gateway(stand, Settings(workers=2, cores=BOTH)) as two):
        totals = {one: [], two: []}
        for gateway in totals:
            load(gateway.process, gateway.port, requests, 1)
        for _ in range(stand.rounds):
            for gateway, found in totals.items():
                sample = load(gateway.process, gateway.port, requests, stand.seconds)
                found.append(sample.total)
                say(f"{1 if gateway is one else 2} workers: {sample.total:.1f} µs")
        ratio = statistics.median(totals[two]) / statistics.median(totals[one])
        bar.check("CPU a request, two workers ÷ one", ratio, 1.05)
        unfair = _unfair(stand, two)
    say(f"{unfair} of {RUNS} runs with {FEW} connections were shared unfairly")
    bar.check(f"of {RUNS} runs with {FEW} connections, those in which a worker did less than {FAIR:.0%}",
              unfair, 0, unit="", digits=0)
    return bar


def _unfair(stand, gateway):
    """How many runs with few connections leave one worker with nearly nothing to do."""
    asks = [request(stand.ec.token())] * (FEW * 200)
    unfair = 0
    for _ in range(RUNS):
        before = _work(gateway)
        with Crowd(gateway.port, FEW) as crowd:
            crowd.ask(asks)
        work = [after - before[name] for name, after in _work(gateway).items()]
        unfair += min(work) / sum(work) < FAIR
    return unfair


def _work(gateway):
    threads = gateway.process.threads()
    return {key: seconds for key, seconds in threads.items() if key[0].startswith("worker-")}
