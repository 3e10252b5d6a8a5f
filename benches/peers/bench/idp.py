"""An identity provider's JWKS endpoint that rotates its keys, dies and comes back."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import free_port


class IdP:
    def __init__(self, *keys):
        self.port = free_port()
        self.keys = list(keys)
        self.asked = 0
        self.server = None

    def __enter__(self):
        self.live()
        return self

    def __exit__(self, *_):
        self.die()

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def publish(self, *keys):
        self.keys = list(keys)

    def live(self):
        """Serves its keys on its port, from now on."""
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                idp.asked += 1
                body = json.dumps({"keys": idp.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def die(self):
        """Refuses connections, from now on."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
