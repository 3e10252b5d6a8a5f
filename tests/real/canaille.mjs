// An OpenID provider of another make, found by discovery: its keys rotate, it dies, and it comes back,
// all under load.

import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { calculateJwkThumbprint, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import {
  accepted, altered, assert, check, flipped, freePort, kill, refused, scenario, scratch, start,
  startGateway, startUpstream, stop, until,
} from './harness.mjs';
import { startLoad } from './load.mjs';

const CLIENT = 'orders-web';
const folder = scratch();

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { publicKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk) } };
}

async function startProvider(port, active, inactive = []) {
  const file = path.join(folder, 'canaille.jwks.json');
  const jwks = (keys) => keys.map((key) => key.jwk);
  writeFileSync(file, JSON.stringify({ active: jwks(active), inactive: jwks(inactive) }), { mode: 0o600 });
  const child = start(process.env.PYTHON, ['provider.py', String(port), file]);
  await until('the provider answers', child, async () =>
    (await fetch(`http://127.0.0.1:${port}/oauth/jwks.json`)).ok);
  return child;
}

async function requestToken(issuer) {
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${CLIENT}:a-secret-of-the-test`)}` },
    body: new URLSearchParams({
      grant_type: 'password',
      username: 'alice',
      password: 'a-password-of-the-test',
      scope: 'openid profile',
    }),
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.access_token;
}

const part = (token, number) =>
  JSON.parse(Buffer.from(token.split('.')[number], 'base64url').toString());

await scenario(async () => {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const [first, second] = [await newKey(), await newKey()];
  let provider = await startProvider(port, [first]);
  const upstream = await startUpstream();
  const gateway = await startGateway(folder, upstream, `
[issuers."${encodeURIComponent(issuer)}"]
audiences = ["${CLIENT}"]
fetch     = { cooldown = "1s", refresh = "1s" }
`);
  const token = await requestToken(issuer);

  await check('a token of Canaille passes, and the upstream learns who it is', async () => {
    assert.equal(part(token, 0).kid, first.jwk.kid);
    const { headers } = await accepted(gateway, token);
    assert.deepEqual([headers['x-auth-issuer'], headers['x-auth-subject']], [issuer, 'alice']);
  });
  await check('no token does not', () => refused(gateway, undefined, 401, 'token_missing'));
  await check('one changed byte of the signature does not', () =>
    refused(gateway, flipped(token), 401, 'signature_invalid'));
  await check('one changed claim does not', () =>
    refused(gateway, altered(token, (claims) => ({ ...claims, sub: 'bob' })), 401,
      'signature_invalid'));
  await check('a copy signed with HMAC over the public key does not', async () => {
    const header = Buffer.from(JSON.stringify({ ...part(token, 0), alg: 'HS256' }));
    const message = `${header.toString('base64url')}.${token.split('.')[1]}`;
    const secret = await exportSPKI(first.publicKey);
    const signature = createHmac('sha256', secret).update(message).digest('base64url');
    await refused(gateway, `${message}.${signature}`, 401, 'algorithm_not_allowed');
  });

  const load = startLoad(gateway, [token], [flipped(token)]);
  await load.more(100);
  await stop(provider);
  provider = await startProvider(port, [second], [first]);
  const rotated = await requestToken(issuer);
  load.add(rotated);
  await load.more(100);
  await check('its keys rotate under load, and no valid token is refused', () => load.end());
  await check('the new token is signed with the new key', () =>
    assert.equal(part(rotated, 0).kid, second.jwk.kid));

  const unused = await requestToken(issuer);
  const outage = startLoad(gateway, [token, rotated], [flipped(rotated)]);
  await outage.more(100);
  await kill(provider);
  outage.add(unused);
  await until('a read of the keys has failed', gateway.child, async () =>
    (await gateway.status()).issuers[0].last_error !== null);
  await outage.more(100);
  await check('it is killed under load, and no valid token is refused', () => outage.end());

  const back = startLoad(gateway, [token, rotated, unused], [flipped(unused)]);
  provider = await startProvider(port, [second], [first]);
  back.add(await requestToken(issuer));
  await until('the keys are read again', gateway.child, async () =>
    (await gateway.status()).issuers[0].last_error === null);
  await back.more(100);
  await check('it comes back under load, and no valid token is refused', () => back.end());
  await check('the status names its keys', async () => {
    const [{ source_kind: kind, keys }] = (await gateway.status()).issuers;
    assert.equal(kind, 'discovery');
    assert.deepEqual(keys.map((key) => key.thumbprint).sort(),
      [first.jwk.kid, second.jwk.kid].sort());
  });
  await check('the gateway ends cleanly', async () => {
    assert.equal(await stop(gateway.child), 0, gateway.child.output);
  });
});
