"""A small client, for what wrk cannot do: exact numbers of requests, idle connections, large bodies."""

import socket
import ssl


def request(token, path="/orders/42", method="GET", fields=""):
    """The bytes of a request's head."""
    return (f"{method} {path} HTTP/1.1\r\nHost: api.example.com\r\n"
            f"Authorization: Bearer {token}\r\n{fields}\r\n").encode()


class Client:
    """One keep-alive connection; with `tls` over TLS, whoever is at the other end."""

    def __init__(self, port, seconds=60, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        """Reads the head of a response: its status and the length of its body."""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._receive()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.lower().split(b"\r\n")
        lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
        return int(lines[0].split()[1]), lengths[0] if lengths else None

    def body(self, length):
        """Reads so many bytes and throws them away."""
        left = length - len(self.rest)
        self.rest = b"" if left >= 0 else self.rest[length:]
        room = bytearray(1 << 20)
        while left > 0:
            got = self.socket.recv_into(room, min(left, len(room)))
            if not got:
                raise ConnectionError("the response ended too early")
            left -= got

    def answer(self):
        """Reads a whole response; its status."""
        status, length = self.head()
        self.body(length or 0)
        return status

    def ask(self, data):
        self.send(data)
        return self.answer()

    def _receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed without a response")
        return data


class Crowd:
    """Connections that ask in step: each sends, then each reads."""

    def __init__(self, port, count):
        self.clients = [Client(port) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.socket.close()

    def ask(self, requests):
        """Sends each request once; how often each status came."""
        statuses = {}
        for start in range(0, len(requests), len(self.clients)):
            pairs = list(zip(self.clients, requests[start:start + len(self.clients)]))
            for client, data in pairs:
                client.send(data)
            for client, _ in pairs:
                status = client.answer()
                statuses[status] = statuses.get(status, 0) + 1
        return statuses


def status_of(port, token):
    """What one request with this token is answered."""
    with Client(port) as client:
        return client.ask(request(token))
