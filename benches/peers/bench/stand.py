"""The stand that every measurement uses: folders, keys, the upstream, how long a run takes."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from . import tokens
from .process import LOAD_CORE, Process, free_port

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
# What may be kept between two runs: keys, tokens, the environment with Envoy.
STATE = Path(os.environ["PEERS_STATE"])
BODY = b'{"status":"ok","items":[1,2,3,4,5,6,7,8],"note":"'.ljust(94, b".") + b'"}'


class Stand:
    """Ended as a whole: what was started is stopped, and the folder removed."""

    def __init__(self, short):
        self.short = short
        # A run's seconds, and how many runs a median is taken of.
        self.seconds, self.rounds = (1, 3) if short else (3, 5)
        # More tokens than a run can send; and how many live ones there are at most.
        self.fresh_count, self.live = (30_000, 30_000) if short else (90_000, 100_000)
        self.rsa = tokens.Signer.kept(STATE, "RS256", "r1")
        self.ec = tokens.Signer.kept(STATE, "ES256", "e1")
        self.ends = ExitStack()

    def __enter__(self):
        self.folder = Path(self.ends.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        # Envoy and nginx drop their rights when root starts them.
        self.folder.chmod(0o755)
        self.upstream = free_port()
        conf = self.write("upstream.conf", _upstream(self.folder, self.upstream))
        self.start([program("nginx"), "-c", conf, "-p", self.folder], self.upstream, cores=(LOAD_CORE,))
        return self

    def __exit__(self, *error):
        self.ends.close()

    def start(self, command, port, **how):
        """A process that ends with the stand, at the latest."""
        log = self.folder / f"{Path(str(command[0])).name}-{port}.log"
        process = self.ends.enter_context(Process(command, log, **how))
        return process.wait_for_port(port)

    def write(self, name, content):
        file = self.folder / name
        file.write_text(content) if isinstance(content, str) else file.write_bytes(content)
        return file

    def certificate(self):
        """A PEM of a self-signed certificate (ECDSA P-256) and its key."""
        pem = self.folder / "server.pem"
        if not pem.exists():
            pem.write_bytes(tokens.certificate("api.example.com"))
            pem.chmod(0o600)
        return pem

    def requests(self, name, lines):
        """A file of requests: a path and a token a line."""
        return self.write(f"{name}.requests", "".join(f"{p} {t}\n" for p, t in lines))

    def rotating(self, signer):
        """100 tokens that come again and again."""
        kept = signer.kept_tokens(STATE, 100)
        return self.requests(f"{signer.kid}-100", [("/orders/42", t) for t in kept])

    def fresh(self, signer):
        """More tokens than one run can send."""
        kept = signer.kept_tokens(STATE, self.fresh_count)
        return self.requests(f"{signer.kid}-fresh", [("/orders/42", t) for t in kept])


def program(name):
    """Where a program is, also where Debian's own path for users does not look."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or name


def _upstream(folder, port):
    return f"""
worker_processes 1;
daemon off;
pid {folder}/upstream.pid;
error_log {folder}/upstream.err;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{BODY.decode()}'; }}
  }}
}}
"""
