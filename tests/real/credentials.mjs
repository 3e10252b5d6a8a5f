// The gateway of the scenario `outbound`: a route for each credential.

import { RESOURCE, SECRET, SHORT } from './authorization.mjs';
import { SERVICE } from './request_token.mjs';

export const GATEWAY = 'https://gateway.example.com';

/** A route `/name/…` to an upstream of that name with this credential. */
function route(name, upstream, credential) {
  return `
[[routes]]
path     = "/${name}/{*rest}"
upstream = "${name}"
[upstreams.${name}]
url = "${upstream.url}"
[upstreams.${name}.credential]
${credential}`;
}

/** A credential that `client` fetches. */
function fetched(server, client, resource, keys = '') {
  return `
kind           = "client_credentials"
token_endpoint = "${server.issuer}/token"
client_id      = "${client}"
scopes         = ["orders:read"]
parameters     = { resource = "${resource}" }
timeout        = "1s"
cooldown       = "1s"
${keys}`;
}

const secret = (method, value = SECRET) => `authentication = "${method}"\nclient_secret = "${value}"`;
const KEY = 'authentication = "private_key_jwt"';

/** Each kind of credential, on a route `/name/…` of its own. */
export function configuration(server, service, upstream, issuer) {
  const exchanged = fetched(server, 'exchanger', RESOURCE, KEY)
    .replace('client_credentials', 'token_exchange');
  return `
[signing]
directory = "keys"
${issuer.configuration}
${['client_secret_basic', 'client_secret_post', 'client_secret_jwt'].map((method) =>
    route(method, upstream, fetched(server, method, RESOURCE, secret(method)))).join('')}
${route('private_key_jwt', upstream, fetched(server, 'private_key_jwt', SHORT, KEY))}
${route('exchange', upstream, exchanged)}
${route('late', upstream, fetched(server, 'latecomer', RESOURCE, secret('client_secret_basic')))}
${route('silent', upstream, fetched(server, 'latecomer', RESOURCE, secret('client_secret_basic')))}
${route('wrong', upstream, fetched(server, 'client_secret_basic', RESOURCE, secret('client_secret_basic', 'not it')))}
${route('stranger', upstream, fetched(server, 'stranger', RESOURCE, KEY))}
${route('assertion', upstream, `
kind           = "jwt_bearer"
token_endpoint = "${service.url}/oauth/token"
audience       = "${SERVICE}/oauth/token"
authentication = "none"
client_id      = "orders-gateway"
subject        = { claim = "sub" }
scopes         = ["orders:read"]`)}
${route('signed', upstream, `
kind     = "signed_jwt"
issuer   = "${GATEWAY}"
subject  = { claim = "sub" }
audience = "${RESOURCE}"
claims   = { tenant = { claim = "/org/id" }, level = 3 }`)}
`;
}
