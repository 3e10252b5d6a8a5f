"""OpenTelemetry's own Python: a collector that reads spans by its types, and a client that begins traces.

traces.py collector PORT     takes OTLP over HTTP; prints one line of JSON for each span; PORT 0: any
traces.py client URL OTLP TOKEN [unsampled]
                             asks URL within a span, and exports that to OTLP; prints what it saw
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def plain(value):
    kind = value.WhichOneof("value")
    return getattr(value, kind)


def told(span, service):
    return {
        "service": service,
        "name": span.name,
        "kind": span.SpanKind.Name(span.kind),
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "error": span.status.code == span.status.STATUS_CODE_ERROR,
        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
        "began": span.start_time_unix_nano,
        "attributes": {a.key: plain(a.value) for a in span.attributes},
    }


def collect(port):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )

    class Collector(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                attributes = {a.key: plain(a.value) for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        print(json.dumps(told(span, attributes["service.name"])), flush=True)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Collector)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


def ask(url, otlp, token, sampled):
    import requests
    from opentelemetry import propagate
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider, sampling
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(
        sampler=sampling.ALWAYS_ON if sampled else sampling.ALWAYS_OFF,
        resource=Resource.create({"service.name": "shop"}),
    )
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=otlp)))
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("buy coffee") as span:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        propagate.inject(fields)
        response = requests.get(url, headers=fields, timeout=20)
        context = span.get_span_context()
    provider.shutdown()
    answer = {
        "trace": format(context.trace_id, "032x"),
        "id": format(context.span_id, "016x"),
        "status": response.status_code,
        "request_id": response.headers["x-request-id"],
    }
    print(json.dumps(answer))


if sys.argv[1] == "collector":
    collect(int(sys.argv[2]))
else:
    ask(*sys.argv[2:5], sys.argv[5:] != ["unsampled"])
