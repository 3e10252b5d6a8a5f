"""Portcullis as it is measured: every check on, identity headers, metrics."""

import json
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .process import PROXY_CORE, CannotMeasure, Process, free_port
from .tokens import AUDIENCE, ISSUER

PROGRAM = os.environ["PORTCULLIS"]
RULES = {"audiences": [AUDIENCE], "claims": {"typ": ["Bearer"], "azp": ["orders-web"]}}


@dataclass(frozen=True)
class Settings:
    """What differs between measurements."""

    workers: int = 1
    upstream: int = 0
    routes: int = 0
    issuers_file: str = ""
    jwks_uri: str = ""
    fetch: str = ""
    http2: bool = False
    cores: tuple = (PROXY_CORE,)
    # A PEM of certificate and key.
    tls: str = ""


class Gateway:
    """A running gateway, with a port for clients and one for its metrics; `under` a tool, if given."""

    def __init__(self, stand, settings=Settings(), under=()):
        self.port, self.admin = free_port(), free_port()
        self.text = _toml(stand, settings, self.port, self.admin)
        conf = stand.write(f"portcullis-{self.port}.toml", self.text)
        self.conf = Path(conf)
        log = stand.folder / f"portcullis-{self.port}.log"
        self.process = Process([*under, PROGRAM, "run", "-c", conf], log, settings.cores)
        stand.ends.callback(self.stop)
        self.process.wait_for_port(self.port, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.stop()

    def reload(self, old, new):
        """Has it read its configuration again, with `new` in the place of `old`."""
        self.text = self.text.replace(old, new, 1)
        self.conf.write_text(self.text)
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}/reload", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            outcome = json.load(answer)["outcome"]
        if outcome != "applied":
            raise CannotMeasure(f"reload: {outcome}")

    def metric(self, name, label=""):
        """The sum of a metric over its labels, or over those that hold this text."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if line.partition(" ")[0].partition("{")[0] == name and label in line)


def liberty(jwk, names):
    """An issuers' file: each issuer with the same key and the rules of the others."""
    keys = {"keys": {"0": jwk}}
    return json.dumps({name: {"active": True, "key": keys} for name in names})


def _toml(stand, settings, port, admin):
    limits = "requests_per_connection = 1000000000\nidle_timeout = \"600s\"\nconnections_per_address = 0"
    text = f"""
issuers_file = "{settings.issuers_file}"
[server]
listen = "127.0.0.1:{port}"
workers = {settings.workers}
http2_cleartext = {json.dumps(settings.http2)}
[server.limits]
{limits}
[admin]
listen = "127.0.0.1:{admin}"
[upstream]
url = "http://127.0.0.1:{settings.upstream or stand.upstream}"
[issuer_defaults]
audiences = {json.dumps(RULES["audiences"])}
claims = {{ typ = ["Bearer"], azp = ["orders-web"] }}
"""
    if settings.tls:
        text += f'[server.tls]\ncertificate_file = "{settings.tls}"\nprivate_key_file = "{settings.tls}"\n'
    for number in range(settings.routes):
        text += f'[[routes]]\npath = "/r{number:05d}/{{id}}"\nscopes = ["orders:read"]\n'
    if settings.issuers_file:
        return text
    keys = stand.write("jwks.json", json.dumps({"keys": [stand.rsa.jwk(), stand.ec.jwk()]}))
    source = f'jwks_uri = "{settings.jwks_uri}"' if settings.jwks_uri else f'jwks_file = "{keys}"'
    return text + f'[issuers."{ISSUER}"]\n{source}\n{settings.fetch}\n'
