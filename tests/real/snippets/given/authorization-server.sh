# Somebody else's authorization server: it gives everybody who shows an assertion a token.
# background until http://127.0.0.1:8082/
cat > authorization_server.py <<'PYTHON'
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        shown = "assertion" in form or "client_assertion" in form or "authorization" in self.headers
        token = {"access_token": "fetched", "token_type": "Bearer", "expires_in": 300}
        self.answer(200 if shown else 401, token if shown else {"error": "invalid_client"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

host, port = sys.argv[1].split(":")
HTTPServer((host, int(port)), Server).serve_forever()
PYTHON
python3 authorization_server.py 127.0.0.1:8082
