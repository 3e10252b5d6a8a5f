"""Where and with what it was measured."""

import os
import platform
import re
import subprocess
from pathlib import Path

from .peers import envoy_program
from .portcullis import PROGRAM
from .stand import ROOT, program


def facts():
    """Name and value of what a reader needs to judge the figures."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines()
                   if "=" in line)
    return {
        "CPU": f"{os.cpu_count()} × {re.search('model name.*: (.*)', cpuinfo)[1]}"
               + (", virtual" if "hypervisor" in cpuinfo else ""),
        "Kernel": f"Linux {platform.release()}",
        "System": release["PRETTY_NAME"].strip('"'),
        "Portcullis": f"{_first(PROGRAM, '--version')}, commit {_commit()}",
        "HAProxy": _version(program("haproxy"), "-v"),
        "nginx": _version(program("nginx"), "-v"),
        "Envoy": _version(envoy_program(), "--version"),
        "wrk": _first("wrk", "-v").split("[")[0].removeprefix("wrk ").strip(),
    }


def load_average():
    """How busy the machine is beside the harness; one runs on the core of its own."""
    return os.getloadavg()[0]


def _commit():
    run = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT,
                         capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def _version(command, option):
    return re.search(r"\d+\.\d+\.\d+\S*", _first(command, option))[0].split("/Clean")[0]


def _first(command, option):
    run = subprocess.run([command, option], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).strip().splitlines()
    return next((line for line in lines if re.search(r"\d", line)), "")
