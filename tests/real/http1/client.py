"""Sends a corpus of requests, byte for byte, each on a connection of its own, and says what came back.

Usage: client.py HOST:PORT CORPUS PREFIX     {id} in a request becomes PREFIX and the case's number
Prints for each case, as a line of JSON: its number, every status in its order, and how the connection ended.
"""

import concurrent.futures
import json
import re
import socket
import sys

PATIENCE = 5.0


def expand(text, identity):
    """`{x*3}` is `xxx`; what is left is bytes, one for each character."""
    text = re.sub(r"\{([^{}]+)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)
    return text.replace("{id}", identity).encode("latin-1")


class Answers:
    """Responses, read as plainly as the gateway and its rivals write them."""

    def __init__(self, stream):
        self.stream, self.bytes = stream, b""

    def more(self):
        piece = self.stream.recv(65536)
        self.bytes += piece
        return bool(piece)

    def next(self):
        """The next status; None at the end."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.more():
                return None
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b":", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"-1"))
        while len(self.bytes) < length if length >= 0 else True:
            if not self.more():
                break
        self.bytes = self.bytes[max(length, 0):] if length >= 0 else b""
        return int(lines[0].split(b" ")[1])


def ask(address, sent):
    statuses = []
    with socket.create_connection(address, timeout=PATIENCE) as stream:
        try:
            stream.sendall(sent)
        except OSError:
            pass  # it is not wanted any more; the answer may be there all the same
        answers = Answers(stream)
        try:
            while (status := answers.next()) is not None:
                statuses.append(status)
            return statuses, "closed"
        except TimeoutError:
            return statuses, "open"
        except ConnectionResetError:
            return statuses, "reset"


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    with open(sys.argv[2], encoding="utf-8") as file:
        corpus = json.load(file)

    def one(numbered):
        number, case = numbered
        statuses, end = ask((host, int(port)), expand(case["send"], f"{sys.argv[3]}{number:03}"))
        return {"number": number, "statuses": statuses, "end": end}

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for answer in pool.map(one, enumerate(corpus)):
            print(json.dumps(answer))


main()
