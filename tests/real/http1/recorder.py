"""An upstream that reads as strictly as can be, and prints every request that reached it as a line of JSON.

CRLF and nothing else ends a line; a request line is METHOD /TARGET HTTP/1.1; names are tokens in lower case,
values are visible; there is one Host and at most one framing; a length is plain digits, a chunk has neither
extension nor trailer; nothing that belongs to one connection only. What is otherwise is printed as `wrong`.

Usage: recorder.py      the first line that it prints is its port
"""

import json
import re
import socketserver
import sys
import threading

LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[!-~]*) HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+): ([!-~](?:[\t -~]*[!-~])?)?")
HOPS = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect", b"proxy-connection"}
WRITING = threading.Lock()


class Wrong(Exception):
    pass


class End(Exception):
    pass


def tell(**what):
    with WRITING:
        print(json.dumps(what), flush=True)


class Recorder(socketserver.StreamRequestHandler):
    def line(self):
        line = self.rfile.readline(70000)
        if not line.endswith(b"\n"):
            raise End
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Wrong(f"a line end: {line!r}")
        return line[:-2]

    def exactly(self, length):
        data = self.rfile.read(length)
        if len(data) != length:
            raise End
        return data

    def chunks(self):
        body = b""
        while True:
            digits = self.line()
            if not re.fullmatch(rb"0|[1-9a-fA-F][0-9a-fA-F]{0,14}", digits):
                raise Wrong(f"a chunk's size: {digits!r}")
            body += self.exactly(int(digits, 16))
            if self.exactly(2) != b"\r\n":
                raise Wrong("what stands behind a chunk")
            if digits == b"0":
                return body

    def next(self):
        first = self.rfile.peek(1)
        if not first:
            raise End
        start = self.line()
        words = LINE.fullmatch(start)
        if not words:
            raise Wrong(f"the request line: {start!r}")
        fields = []
        while line := self.line():
            field = FIELD.fullmatch(line)
            if not field:
                raise Wrong(f"a field: {line!r}")
            fields.append((field[1], field[2] or b""))
        names = [name for name, _ in fields]
        if names.count(b"host") != 1 or HOPS & set(names):
            raise Wrong(f"the fields: {names!r}")
        framing = [field for field in fields if field[0] in (b"content-length", b"transfer-encoding")]
        body = b""
        match framing:
            case []:
                pass
            case [(b"content-length", length)] if re.fullmatch(rb"0|[1-9][0-9]{0,14}", length):
                body = self.exactly(int(length))
            case [(b"transfer-encoding", b"chunked")]:
                body = self.chunks()
            case _:
                raise Wrong(f"the framing: {framing!r}")
        return words, fields, body

    def handle(self):
        try:
            while True:
                words, fields, body = self.next()
                identity = [name.decode() for name, _ in fields if name.startswith(b"x-auth-")]
                seen = f"{words[1].decode()} {words[2].decode()} {body.decode('latin-1')}".strip()
                tell(seen=seen, identity=identity)
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        except Wrong as error:
            tell(wrong=str(error))
        except (End, ConnectionError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


with Server(("127.0.0.1", 0), Recorder) as server:
    print(server.server_address[1], flush=True)
    sys.exit(server.serve_forever())
