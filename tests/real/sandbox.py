"""Runs a program under what a unit of systemd forbids it, as far as that can be done without being systemd:
its system calls (SystemCallFilter), its address families, memory that is written and executed, privileges,
open files, umask. What is forbidden ends the program with SIGSYS, where systemd would say EPERM: so it is seen.

Usage: sandbox.py SYSTEMD-ANALYZE UNIT PROGRAM [ARGUMENT]…
"""

import ctypes
import os
import re
import resource
import struct
import subprocess
import sys

ALLOW, KILL = 0x7FFF0000, 0x80000000
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
NUMBER = 0


def argument(index):
    """Where the lower half of an argument stands in what a filter sees."""
    return 16 + 8 * index


def values(unit, key):
    """Every value of a key, in its order; a key that is not there is a mistake of the unit."""
    found = re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)
    if not found:
        sys.exit(f"the unit has no {key}")
    return found


def members(analyze, group):
    """The names in a group of system calls, groups in it included."""
    lines = subprocess.run([analyze, "--no-pager", "syscall-filter", group], check=True, capture_output=True, text=True)
    names = set()
    for line in lines.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            names |= members(analyze, word)
        elif word and not word.startswith("#"):
            names.add(word)
    return names


def allowed(analyze, unit):
    names = members(analyze, "@default")
    for value in values(unit, "SystemCallFilter"):
        words = value.removeprefix("~").split()
        listed = set().union(*(members(analyze, word) if word.startswith("@") else {word} for word in words))
        names = names - listed if value.startswith("~") else names | listed
    return names


def numbers():
    """The number of each system call here, as the C compiler has it."""
    macros = subprocess.run(
        ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", os.devnull],
        check=True, capture_output=True, text=True,
    ).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", macros, re.MULTILINE)}


def program_of(analyze, unit):
    """The filter, as instructions of the classic BPF."""
    known = numbers()
    code = []

    def put(operation, value, yes=0, no=0):
        code.append(struct.pack("HBBI", operation, yes, no, value))

    def when(name, tests):
        """`tests` judge the arguments of one call, and all of them end."""
        put(LOAD, NUMBER)
        put(EQUAL, known[name], 0, len(tests))
        for one in tests:
            put(*one)

    if values(unit, "MemoryDenyWriteExecute") == ["yes"]:
        protection = argument(2)
        for name, mask in [("mmap", 6), ("mprotect", 4), ("pkey_mprotect", 4)]:
            when(name, [(LOAD, protection), (AND, mask), (EQUAL, mask, 0, 1), (RETURN, KILL), (RETURN, ALLOW)])
    families = [FAMILIES[word] for word in values(unit, "RestrictAddressFamilies")[0].split()]
    tests = [(LOAD, argument(0))]
    for family in families:
        tests += [(EQUAL, family, 0, 1), (RETURN, ALLOW)]
    when("socket", [*tests, (RETURN, KILL)])
    put(LOAD, NUMBER)
    for name in sorted(allowed(analyze, unit)):
        if name in known:
            put(EQUAL, known[name], 0, 1)
            put(RETURN, ALLOW)
    put(RETURN, KILL)
    return b"".join(code)


def main():
    analyze, path, *command = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        unit = file.read()
    code = program_of(analyze, unit)
    files = int(values(unit, "LimitNOFILE")[0])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = files if most == resource.RLIM_INFINITY else min(files, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.umask(int(values(unit, "UMask")[0], 8))
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(code)
    filter_ = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(instructions))
    if values(unit, "NoNewPrivileges") != ["yes"] or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        sys.exit("no new privileges: it cannot be said")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        sys.exit(f"the filter is not taken: {os.strerror(ctypes.get_errno())}")
    os.execv(command[0], command)


main()
