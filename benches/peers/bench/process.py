"""Processes that the harness starts, pins, measures and ends."""

import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROXY_CORE = 0
LOAD_CORE = 1


class CannotMeasure(Exception):
    """Something without which no figure means anything."""


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time."""

    user: float
    system: float

    @property
    def total(self):
        return self.user + self.system

    def __sub__(self, other):
        return Cpu(self.user - other.user, self.system - other.system)

    def __add__(self, other):
        return Cpu(self.user + other.user, self.system + other.system)


class Process:
    """One program with its children, pinned to cores. Its output goes to a file."""

    def __init__(self, command, log, cores=(PROXY_CORE,)):
        self.log = Path(log)
        cores = ",".join(map(str, cores))
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                ["taskset", "-c", cores, *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def pids(self):
        """Its own id and those of its children: nginx works in one."""
        found = [self.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def cpu(self):
        """What it has used so far, all threads and children together."""
        total = Cpu(0, 0)
        for pid in self.pids():
            total += _cpu(Path(f"/proc/{pid}/stat"))
        return total

    def threads(self):
        """Seconds that each thread has run so far, by name and id; finer than `cpu`."""
        return {
            ((task / "comm").read_text().strip(), task.name):
                int((task / "schedstat").read_text().split()[0]) / 1e9
            for task in Path(f"/proc/{self.pid}/task").iterdir()
        }

    def memory(self, kind="VmRSS"):
        """Resident bytes, all children together."""
        return sum(_status(pid, kind) for pid in self.pids())

    def wait_for_port(self, port, seconds=30):
        """Until somebody listens on the port."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise CannotMeasure(f"{self.child.args[3]} does not listen:\n{tail}")

    def stop(self):
        """Ends it, by its id alone."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def free_port():
    """A port that nobody listened on a moment ago, outside of the range of outgoing connections."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = 10_000 + int.from_bytes(os.urandom(4)) % (low - 10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise CannotMeasure("no port is free")


def _cpu(stat):
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return Cpu(int(fields[11]) / TICKS, int(fields[12]) / TICKS)


def _status(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", text)[1]) * 1024
