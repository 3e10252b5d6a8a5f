"""The peers: HAProxy, nginx and Envoy, each configured as its manual says for this job."""

import json

from .stand import STATE, program
from .process import free_port
from .tokens import AUDIENCE, ISSUER


def nginx(stand):
    """A plain reverse proxy: keep-alive on both sides, one worker, no access log."""
    port = free_port()
    conf = stand.write("nginx.conf", f"""
worker_processes 1;
daemon off;
pid {stand.folder}/nginx.pid;
error_log {stand.folder}/nginx.err;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  upstream up {{ server 127.0.0.1:{stand.upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
""")
    return stand.start([program("nginx"), "-c", conf, "-p", stand.folder], port), port


def haproxy(stand, signer=None, upstream=None, tls=None):
    """One thread, upstream connections shared; with `signer`, tokens are checked; with `tls`, a PEM of
    certificate and key, it is spoken with clients."""
    port = free_port()
    secured = f" ssl crt {tls} alpn http/1.1" if tls else ""
    checks = _haproxy_checks(stand, signer) if signer else ""
    conf = stand.write(f"haproxy-{port}.cfg", f"""
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
  http-reuse always
frontend f
  bind 127.0.0.1:{port} backlog 4096{secured}
{checks}  default_backend b
backend b
  server s 127.0.0.1:{upstream or stand.upstream}
""")
    return stand.start([program("haproxy"), "-f", conf, "-db"], port), port


def _haproxy_checks(stand, signer):
    """As in the manual's section on jwt_verify: header, claims, then the signature."""
    pem = stand.write(f"{signer.kid}.pub.pem", signer.public_pem())
    refuse = "http-request deny deny_status 401"
    lines = [
        "http-request set-var(txn.bearer) http_auth_bearer",
        "http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')",
        "http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')",
        "http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud[0]')",
        "http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')",
        "http-request set-var(txn.now) date()",
        f"{refuse} unless {{ var(txn.alg) -m str {signer.algorithm} }}",
        f"{refuse} unless {{ var(txn.iss) -m str {ISSUER} }}",
        f"{refuse} unless {{ var(txn.aud) -m str {AUDIENCE} }}",
        f"{refuse} if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}",
        f'{refuse} unless {{ var(txn.bearer),jwt_verify({signer.algorithm},"{pem}") 1 }}',
    ]
    return "".join(f"  {line}\n" for line in lines)


def envoy_program():
    """The wheel carries the program itself."""
    return next(STATE.glob("venv/lib/python*/site-packages/envoy/_bin/envoy"))


def envoy(stand, signer=None, cache=False):
    """One worker; with `signer`, tokens are checked; with `cache`, it remembers checked tokens."""
    port = free_port()
    bootstrap = stand.write(f"envoy-{port}.json", json.dumps(_bootstrap(stand, port, signer, cache)))
    command = [envoy_program(), "-c", bootstrap, "--concurrency", "1", "--disable-hot-restart",
               "--log-level", "error"]
    return stand.start(command, port), port


def _bootstrap(stand, port, signer, cache):
    """Without what Envoy's advice on benchmarks says to turn off: circuit breakers, request ids, dynamic
    statistics of the router."""
    high = 1_000_000
    limits = {"max_connections": high, "max_pending_requests": high, "max_requests": high}
    upstream = {"endpoint": {"address": _address(stand.upstream)}}
    cluster = {
        "name": "up", "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "up",
                            "endpoints": [{"lb_endpoints": [upstream]}]},
    }
    router = _filter("envoy.filters.http.router", "http.router.v3.Router", dynamic_stats=False)
    manager = _filter(
        "envoy.filters.network.http_connection_manager",
        "network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in", generate_request_id=False,
        route_config={"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}],
        }]},
        http_filters=([_jwt_authn(signer, cache)] if signer else []) + [router],
    )
    listener = {"name": "in", "address": _address(port), "filter_chains": [{"filters": [manager]}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _jwt_authn(signer, cache):
    provider = {
        "issuer": ISSUER, "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps({"keys": [signer.jwk()]})},
        "claim_to_headers": [{"header_name": "x-auth-subject", "claim_name": "sub"}],
    }
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000}
    return _filter(
        "envoy.filters.http.jwt_authn", "http.jwt_authn.v3.JwtAuthentication",
        providers={"idp": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
    )


def _filter(name, kind, **settings):
    url = f"type.googleapis.com/envoy.extensions.filters.{kind}"
    return {"name": name, "typed_config": {"@type": url} | settings}


def _address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
