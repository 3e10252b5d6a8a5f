// A real OpenID provider in front, a gateway that trusts it, an upstream behind.

import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { calculateJwkThumbprint, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import {
  accepted, altered, assert, check, flipped, freePort, kill, refused, scenario, scratch, start,
  startGateway, startUpstream, stop, until,
} from './harness.mjs';
import { startLoad } from './load.mjs';

const API = 'https://api.example.com';
const folder = scratch();

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...await exportJWK(privateKey), use: 'sig', alg: 'RS256' };
  return { publicKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk) } };
}

async function startProvider(port, keys) {
  const file = path.join(folder, 'provider.jwks.json');
  writeFileSync(file, JSON.stringify({ keys: keys.map((key) => key.jwk) }), { mode: 0o600 });
  const child = start(process.execPath, ['provider.mjs', String(port), file]);
  await until('the provider listens', child, () => child.output.includes('listening'));
  return child;
}

async function requestToken(issuer, resource, scope = 'orders:read orders:write') {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('orders-web:a-secret-of-the-test')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.access_token;
}

const part = (token, number) =>
  JSON.parse(Buffer.from(token.split('.')[number], 'base64url').toString());

await scenario(async () => {
  for (const source of ['jwks_uri', 'discovery']) {
    console.log(`keys by ${source}`);
    await run(source);
  }
});

async function run(source) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const first = await newKey();
  let provider = await startProvider(port, [first]);
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

  const upstream = await startUpstream();
  const gateway = await startGateway(folder, upstream, `
[[routes]]
path   = "/reports/{*rest}"
scopes = ["reports:read"]
[[routes]]
path   = "/{*rest}"
scopes = ["orders:read"]
[issuers."${encodeURIComponent(issuer)}"]
${source === 'jwks_uri' ? `jwks_uri = "${metadata.jwks_uri}"` : ''}
audiences  = ["${API}"]
types      = ["at+jwt"]
algorithms = ["RS256"]
claims     = { client_id = ["orders-web"] }
fetch      = { cooldown = "1s" }
`);
  const token = await requestToken(issuer, API);

  await check('the provider issues an RS256 at+jwt for the resource', () => {
    const header = part(token, 0);
    assert.deepEqual([header.alg, header.typ, header.kid], ['RS256', 'at+jwt', first.jwk.kid]);
    assert.equal(part(token, 1).aud, API);
  });
  await check('a token of the provider passes, and the upstream learns who it is', async () => {
    const { headers } = await accepted(gateway, token);
    assert.equal(headers['x-auth-issuer'], issuer);
    assert.equal(headers['x-auth-subject'], part(token, 1).sub);
    assert.match(headers['x-auth-scope'], /orders:read/);
    assert.equal(headers.authorization, undefined, 'the token stays at the gateway');
  });
  await check('no token does not', () => refused(gateway, undefined, 401, 'token_missing'));
  await check('one changed byte of the signature does not', () =>
    refused(gateway, flipped(token), 401, 'signature_invalid'));
  await check('one changed claim does not', () =>
    refused(gateway, altered(token, (claims) => ({ ...claims, exp: claims.exp + 1 })), 401,
      'signature_invalid'));
  await check('an unsigned copy does not', () => {
    const header = Buffer.from(JSON.stringify({ ...part(token, 0), alg: 'none' }));
    const unsigned = `${header.toString('base64url')}.${token.split('.')[1]}.`;
    return refused(gateway, unsigned, 401, 'algorithm_not_allowed');
  });
  await check('a copy signed with HMAC over the public key does not', async () => {
    const header = Buffer.from(JSON.stringify({ ...part(token, 0), alg: 'HS256' }));
    const message = `${header.toString('base64url')}.${token.split('.')[1]}`;
    const secret = await exportSPKI(first.publicKey);
    const signature = createHmac('sha256', secret).update(message).digest('base64url');
    await refused(gateway, `${message}.${signature}`, 401, 'algorithm_not_allowed');
  });
  await check('a token for another resource does not', async () => {
    const other = await requestToken(issuer, 'https://other.example.com');
    await refused(gateway, other, 401, 'audience_not_allowed');
  });
  await check('a token without the scope of the route does not', async () => {
    await refused(gateway, token, 403, 'scope_insufficient', '/reports/2026');
    const writeOnly = await requestToken(issuer, API, 'orders:write');
    await refused(gateway, writeOnly, 403, 'scope_insufficient');
  });

  const load = startLoad(gateway, [token], [flipped(token)]);
  await load.more(50);
  await stop(provider);
  const second = await newKey();
  provider = await startProvider(port, [second, first]);
  const rotated = await requestToken(issuer, API);
  load.add(rotated);
  await load.more(50);
  await check('its keys rotate under load, and no valid token is refused', () => load.end());
  await check('after a rotation a new token passes, without a restart', async () => {
    assert.equal(part(rotated, 0).kid, second.jwk.kid);
    await accepted(gateway, rotated);
  });
  await check('a token of the old key passes while that key is published', () =>
    accepted(gateway, token));
  await check('one changed byte under the new key does not', () =>
    refused(gateway, flipped(rotated), 401, 'signature_invalid'));

  const unused = await requestToken(issuer, API);
  const outage = startLoad(gateway, [token, rotated], [flipped(rotated)]);
  await outage.more(50);
  await kill(provider);
  await outage.more(50);
  await check('it is killed under load, and no valid token is refused', () => outage.end());
  await check('with the provider gone, tokens of known keys pass, used before or not', async () => {
    await accepted(gateway, rotated);
    await accepted(gateway, unused);
    await accepted(gateway, token);
  });
  await check('and a changed one does not', () =>
    refused(gateway, flipped(unused), 401, 'signature_invalid'));
  await check('the gateway ends cleanly', async () => {
    assert.equal(await stop(gateway.child), 0, gateway.child.output);
  });
}
