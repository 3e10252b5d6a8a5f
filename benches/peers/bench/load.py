"""Load: wrk, and what it and the proxy's process say about it."""

import json
import subprocess
from dataclasses import dataclass

from .process import LOAD_CORE, CannotMeasure, Cpu
from .stand import HERE

CONNECTIONS = 64


@dataclass(frozen=True)
class Sample:
    """One run of load against one proxy."""

    cpu: Cpu
    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float
    p999: float
    memory: int

    @property
    def user(self):
        """Microseconds a request, in the program."""
        return self.cpu.user / self.requests * 1e6

    @property
    def system(self):
        """Microseconds a request, in the kernel."""
        return self.cpu.system / self.requests * 1e6

    @property
    def total(self):
        return self.user + self.system

    @property
    def rps(self):
        return self.requests / self.seconds


def measure(process, port, requests, seconds, *, once=False, then=None, connections=CONNECTIONS,
            scheme="http"):
    """Loads the proxy for some seconds. `requests` is a file of requests; with `once`, each is sent
    once at most. Any answer but a good one means that the figure would be of something else."""
    before = process.cpu()
    said = wrk(port, requests, seconds, once=once, then=then, connections=connections,
               scheme=scheme)
    sample = Sample(cpu=process.cpu() - before, memory=process.memory(), **said)
    if sample.broken or sample.refused or not sample.requests:
        raise CannotMeasure(f"{process.child.args[3]}: {said}")
    return sample


def wrk(port, requests, seconds, *, once=False, then=None, connections=CONNECTIONS, scheme="http"):
    """Runs wrk; its figures by name, times in milliseconds."""
    arguments = [requests, "once" if once else "rotate", *(then or ())]
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-s", HERE / "load.lua", f"{scheme}://127.0.0.1:{port}/", "--", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )
    try:
        return json.loads(run.stderr.strip().splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise CannotMeasure(f"wrk: {run.stdout}{run.stderr}") from error
