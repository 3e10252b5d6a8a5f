// npm's oidc-provider as the authorization server of a gateway that fetches tokens: client_credentials with each
// client authentication, and token exchange. It counts who asked, and dies and comes back on its port.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { Provider, errors } from 'oidc-provider';
import { freePort } from './harness.mjs';

export const SECRET = 'a secret of 32 bytes: and + & = %20';
export const RESOURCE = 'https://orders.example.com';
export const SHORT = 'https://short.example.com';
export const LIFETIME = 4;
const SCOPE = 'orders:read';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const AUTHENTICATIONS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'];

/** `jwks` are the gateway's keys, `inbound` those that the tokens to exchange are signed by. */
export async function startAuthorizationServer(jwks, inbound) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...await exportJWK(privateKey), use: 'sig', alg: 'RS256' };
  const provider = new Provider(issuer, configuration({ ...jwk, kid: await calculateJwkThumbprint(jwk) }, jwks));
  provider.registerGrantType(EXCHANGE, exchange(provider, inbound),
    ['subject_token', 'subject_token_type', 'requested_token_type', 'scope', 'resource']);

  const asked = [];
  const gate = { open: Promise.resolve(), waiting: 0 };
  provider.use(async (context, next) => {
    if (context.path !== '/token') return next();
    gate.waiting += 1;
    await gate.open;
    await next();
    const { client, params } = context.oidc ?? {};
    asked.push({ client: client?.clientId, params: { ...params }, status: context.status });
    return undefined;
  });

  let server;
  const listen = async (other) => {
    server = other;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const die = async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const live = () => listen(http.createServer(provider.callback()));
  await live();
  const of = (client) => asked.filter((one) => one.client === client);
  return { issuer, asked, of, gate, die, live, mute: () => listen(muted()) };
}

/** A server that takes connections and never says a word. */
function muted() {
  const open = new Set();
  const server = net.createServer((socket) => { open.add(socket.on('error', () => {})); });
  server.closeAllConnections = () => { for (const socket of open) socket.destroy(); };
  return server;
}

function configuration(jwk, jwks) {
  return {
    jwks: { keys: [jwk] },
    cookies: { keys: ['not a secret: nobody logs in here'] },
    scopes: [SCOPE],
    extraTokenClaims: (_context, token) => (token.onBehalfOf ? { on_behalf_of: token.onBehalfOf } : undefined),
    clientAuthMethods: AUTHENTICATIONS,
    clients: [...AUTHENTICATIONS.map((method) => client(method, method, jwks)),
      client('exchanger', 'private_key_jwt', jwks), client('latecomer', 'client_secret_basic', jwks)],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: (_context, resource) => resourceServer(resource),
      },
    },
  };
}

function client(id, method, jwks) {
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    ...method === 'private_key_jwt'
      ? { jwks, token_endpoint_auth_signing_alg: 'ES256' }
      : { client_secret: SECRET },
    grant_types: ['client_credentials', EXCHANGE],
    redirect_uris: [],
    response_types: [],
    scope: SCOPE,
  };
}

function resourceServer(resource) {
  if (![RESOURCE, SHORT].includes(resource)) throw new errors.InvalidTarget();
  return {
    scope: SCOPE,
    audience: resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: resource === SHORT ? LIFETIME : 3600,
    jwt: { sign: { alg: 'RS256' } },
  };
}

/** RFC 8693: a token for whom the inbound one is about; it says so in `on_behalf_of`. */
function exchange(provider, inbound) {
  const keys = createLocalJWKSet(inbound);
  return async (context) => {
    const { params, client: asking } = context.oidc;
    const subject = await jwtVerify(params.subject_token, keys).catch(() => undefined);
    if (!subject || subject.payload.sub === 'mallory') throw new errors.InvalidGrant('subject_token');
    const token = new provider.ClientCredentials({ client: asking, scope: params.scope });
    token.resourceServer = new provider.ResourceServer(params.resource, resourceServer(params.resource));
    token.onBehalfOf = subject.payload.sub;
    context.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
    };
  };
}
