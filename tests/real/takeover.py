"""Replaces one gateway by the next, again and again, while clients open new connections.

Usage: takeover.py inherited|shared BINARY CONFIGURATION PORT

`inherited`: this process opens the socket and hands it on, as systemd does (sd_listen_fds(3)). `shared`:
each gateway opens the port itself, beside the one that is about to end. Prints what came of it as JSON.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 4
GENERATIONS = 6
PATIENCE = 20


class Load:
    """Clients that open a connection for each request, until they are told to end."""

    def __init__(self, port):
        self.port, self.ending, self.lock = port, False, threading.Lock()
        self.counts = {"answered": 0, "refused": 0, "broken": 0}
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ending:
            outcome = self.ask()
            with self.lock:
                self.counts[outcome] += 1

    def ask(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
            return "answered" if answer.startswith(b"HTTP/1.1 200 ") else "broken"
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "broken"

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        return self.counts


class Ear:
    """Hears from the gateways how they are."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def wait_for(self, state):
        while state not in self.socket.recv(4096).decode().split("\n"):
            pass


def start(binary, arguments, ear, inherited):
    """A gateway that serves. In the child, the socket is number 3."""
    environment = {**os.environ, "NOTIFY_SOCKET": ear.path, "PORTCULLIS_LOG": "warn"}
    command = [binary, "run", *arguments]
    if inherited is None:
        child = subprocess.Popen(command, env=environment)
    else:
        # The shell has the process's final number, and becomes the gateway.
        shell = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec "$@" 3<&%d' % inherited
        child = subprocess.Popen(["bash", "-c", shell, "bash", *command], env=environment,
                                 pass_fds=[inherited])
    ear.wait_for("READY=1")
    return child


def stop(child):
    child.send_signal(signal.SIGTERM)
    return child.wait(PATIENCE)


def main(mode, binary, configuration, port):
    arguments = ["-c", configuration] + (["--take-over"] if mode == "shared" else [])
    with tempfile.TemporaryDirectory() as folder:
        ear = Ear(folder)
        server = socket.create_server(("127.0.0.1", port), backlog=1024) if mode == "inherited" else None
        inherited = server.fileno() if server else None
        codes = []
        child = start(binary, arguments, ear, inherited)
        load = Load(port)
        for generation in range(GENERATIONS):
            time.sleep(0.3)
            if inherited is not None and generation % 2:
                # A plain restart: for a moment there is none, and connections wait for the next.
                codes.append(stop(child))
                child = start(binary, arguments, ear, inherited)
            else:
                following = start(binary, arguments, ear, inherited)
                codes.append(stop(child))
                child = following
        time.sleep(0.3)
        counts = load.end()
        codes.append(stop(child))
    print(json.dumps({**counts, "codes": codes}))


main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
