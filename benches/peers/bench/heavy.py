"""An upstream for large bodies: `python -m bench.heavy PORT`.

GET /down/BYTES sends that many, PUT reads what comes and answers then, and GET /slow sends one byte of two
and waits: the second goes out when somebody asks for /go on another connection.
"""

import socket
import sys
import threading

CHUNK = bytes(1 << 20)


def main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    go = threading.Semaphore(0)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, go), daemon=True).start()


def serve(connection, go):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in rest:
                data = connection.recv(65536)
                if not data:
                    return
                rest += data
            head, rest = rest.split(b"\r\n\r\n", 1)
            rest = answer(connection, head.decode("latin-1"), rest, go)


def answer(connection, head, rest, go):
    """Answers one request; what was read of the next one."""
    lines = head.split("\r\n")
    method, path, _ = lines[0].split()
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if method == "PUT":
        rest = discard(connection, int(fields["content-length"]), rest)
        send_head(connection, 0)
    elif path.startswith("/down/"):
        size = int(path.rsplit("/", 1)[1])
        send_head(connection, size)
        for start in range(0, size, len(CHUNK)):
            connection.sendall(CHUNK[:size - start])
    elif path == "/slow":
        send_head(connection, 2)
        connection.sendall(b"a")
        go.acquire()
        connection.sendall(b"b")
    else:
        go.release()
        send_head(connection, 0)
    return rest


def send_head(connection, size):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)


def discard(connection, size, rest):
    left = size - len(rest)
    room = bytearray(1 << 20)
    while left > 0:
        got = connection.recv_into(room, min(left, len(room)))
        if not got:
            raise ConnectionError("the body ended too early")
        left -= got
    return rest[size:]


if __name__ == "__main__":
    main(int(sys.argv[1]))
