"""Where and with what it was measured."""

import os
import platform
import re
import subprocess
from pathlib import Path

from .peers import envoy_program
from .portcullis import PROGRAM
from .stand import ROOT, program


def facts(busy):
    """Name and value of what a reader needs to judge the figures; `busy` is the load before the run."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines()
                   if "=" in line)
    return {
        "CPU": f"{os.cpu_count()} × {re.search('model name.*: (.*)', cpuinfo)[1]}"
               + (", virtual" if "hypervisor" in cpuinfo else ""),
        "Load average before the run": f"{busy:.1f}",
        "Kernel": f"Linux {platform.release()}",
        "System": release["PRETTY_NAME"].strip('"'),
        "Portcullis": f"{_first(PROGRAM, '--version')}, commit {_commit()}",
        "HAProxy": f"{_version(program('haproxy'), '-v')}, {_openssl()}",
        "nginx": _version(program("nginx"), "-v"),
        "Envoy": _version(envoy_program(), "--version"),
        "wrk": _first("wrk", "-v").split("[")[0].removeprefix("wrk ").strip(),
    }


def _commit():
    run = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT,
                         capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def _version(command, option):
    return re.search(r"\d+\.\d+\.\d+\S*", _first(command, option))[0].split("/Clean")[0]


def _openssl():
    """Which library checks HAProxy's signatures: that makes the difference."""
    run = subprocess.run([program("haproxy"), "-vv"], capture_output=True, text=True, check=False)
    found = re.search(r"Running on OpenSSL version : (OpenSSL \S+)", run.stdout)
    return found[1] if found else "its library unknown"


def _first(command, option):
    run = subprocess.run([command, option], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).strip().splitlines()
    return next((line for line in lines if re.search(r"\d", line)), "")
