"""A server of gRPC and its client, with messages that are plain bytes.

orders.py serve [CERTIFICATE KEY]       prints its port, and serves until it is ended
orders.py call PORT TOKEN [AUTHORITY]   calls every kind of method, and prints what came as JSON

With the files in brackets it does so over TLS.
"""

import json
import queue
import sys
import time
from concurrent import futures

import grpc

SERVICE = "shop.Orders"


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    context.set_trailing_metadata((("x-sum", "7"), ("x-auth-subject", "spoofed")))
    return json.dumps({"got": request.decode(), "subject": metadata.get("x-auth-subject")}).encode()


def fail(request, context):
    context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05details"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not \u00fcberall")


def slow(request, context):
    while context.is_active():
        yield b"tick"
        time.sleep(0.05)


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Down": grpc.unary_stream_rpc_method_handler(lambda request, _: (request * 1000 for _ in range(200))),
    "Up": grpc.stream_unary_rpc_method_handler(lambda requests, _: str(sum(map(len, requests))).encode()),
    "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: (r.upper() for r in requests)),
    "Slow": grpc.unary_stream_rpc_method_handler(slow),
}


def read(file):
    with open(file, "rb") as opened:
        return opened.read()


def serve(certificate=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, METHODS),))
    place = "127.0.0.1:0"
    if certificate:
        credentials = grpc.ssl_server_credentials([(read(key), read(certificate))])
        print(server.add_secure_port(place, credentials), flush=True)
    else:
        print(server.add_insecure_port(place), flush=True)
    server.start()
    server.wait_for_termination()


def outcome(work):
    try:
        return work()
    except grpc.RpcError as error:
        trailers = {k: v if isinstance(v, str) else v.hex() for k, v in error.trailing_metadata() or ()}
        return {"code": error.code().name, "details": error.details(), "trailers": trailers}


def call(port, token, authority=None):
    if authority:
        channel = grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(read(authority)))
    else:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    auth = (("authorization", f"Bearer {token}"),)

    def path(name):
        return f"/{SERVICE}/{name}"

    def both():
        answers = []
        sent = queue.Queue()
        stream = channel.stream_stream(path("Both"))(iter(sent.get, None), metadata=auth, timeout=10)
        for word in (b"a", b"b", b"c"):
            # The next is sent only when the answer to this one is there.
            sent.put(word)
            answers.append(next(stream).decode())
        sent.put(None)
        return {"answers": answers, "left": len(list(stream))}

    def one(metadata=auth):
        answer, call = channel.unary_unary(path("Unary")).with_call(b"hello", metadata=metadata, timeout=10)
        return {"answer": json.loads(answer), "trailers": dict(call.trailing_metadata())}

    def ticks():
        count = 0
        try:
            for _ in channel.unary_stream(path("Slow"))(b"x", metadata=auth, timeout=0.6):
                count += 1
        except grpc.RpcError as error:
            return {"code": error.code().name, "ticked": count > 0}
        return {"code": "OK"}

    print(json.dumps({
        "unary": outcome(one),
        "spoofed": outcome(lambda: one((*auth, ("x-auth-subject", "mallory")))),
        "fail": outcome(lambda: channel.unary_unary(path("Fail"))(b"", metadata=auth, timeout=10)),
        "down": outcome(lambda: sum(map(len, channel.unary_stream(path("Down"))(b"x" * 10, metadata=auth, timeout=20)))),
        "up": outcome(lambda: channel.stream_unary(path("Up"))((b"y" * 10000 for _ in range(200)), metadata=auth, timeout=20).decode()),
        "both": outcome(both),
        "deadline": outcome(ticks),
        "missing": outcome(lambda: one(())),
        "bad": outcome(lambda: one((("authorization", "Bearer nonsense"),))),
        "unknown": outcome(lambda: channel.unary_unary(path("Nothing"))(b"", metadata=auth, timeout=10)),
    }))


if sys.argv[1] == "serve":
    serve(*sys.argv[2:4])
else:
    call(*sys.argv[2:5])
