"""Prints what a service tells systemd (sd_notify).

Usage: notified.py SOCKET
"""

import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
# Under another name until it can be written to: whoever sees it may use it.
listener.bind(sys.argv[1] + ".new")
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    print(listener.recv(4096).decode(), flush=True)
