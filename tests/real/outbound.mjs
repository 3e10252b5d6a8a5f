// Credentials to upstreams: tokens that a real authorization server gives the gateway, and tokens that it signs
// itself, verified by npm's jose and PyPI's joserfc; and `portcullis request-token`.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import { LIFETIME, RESOURCE, SECRET, SHORT, startAuthorizationServer } from './authorization.mjs';
import { GATEWAY, configuration } from './credentials.mjs';
import {
  accepted, assert, bearer, check, flipped, refused, scenario, scratch, startGateway,
  startUpstream, stop, until,
} from './harness.mjs';
import { makeIssuer } from './issuer.mjs';
import { SERVICE, requesting, startService } from './request_token.mjs';

const folder = scratch();
const file = (name) => path.join(folder, name);

function portcullis(...args) {
  return execFileSync(process.env.PORTCULLIS, args, { encoding: 'utf8' });
}

/** What the upstream is shown in a request that passes: a token, and nothing of the client's own. */
async function shown(gateway, name, token) {
  const { headers } = await accepted(gateway, token, `/${name}/42`);
  assert.ok(!JSON.stringify(headers).includes(token.split('.')[2]), 'the inbound token stays at the gateway');
  assert.match(headers.authorization, /^Bearer /);
  return headers.authorization.slice('Bearer '.length);
}

/** The request is refused, and soon; the upstream sees nothing. */
async function denied(gateway, name, token, status, code) {
  const before = gateway.upstream.seen.length;
  const began = Date.now();
  const response = await fetch(`${gateway.url}/${name}/42`, bearer(token));
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(JSON.parse(text).code, code);
  assert.ok(Date.now() - began < 3_000, 'nothing hangs');
  assert.equal(gateway.upstream.seen.length, before, 'the upstream sees nothing');
}

/** The token is the authorization server's. */
async function isOf(server, token, audience = RESOURCE) {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  const { payload } = await jwtVerify(token, keys, { issuer: server.issuer, audience, typ: 'at+jwt' });
  return payload;
}

const now = () => Date.now() / 1000;

const keyFile = () => readdirSync(file('keys')).find((name) => name.endsWith('.pem'));

await scenario(async () => {
  portcullis('keys', 'generate', '--directory', file('keys'), '--algorithm', 'ES256');
  const jwks = JSON.parse(portcullis('keys', 'list', '--directory', file('keys'), '--format', 'jwks'));
  const issuer = await makeIssuer(folder);
  const inbound = JSON.parse(readFileSync(file('jwks.json'), 'utf8'));
  const server = await startAuthorizationServer(jwks, inbound);
  const upstream = await startUpstream();
  const service = await startService(jwks);
  const gateway = await startGateway(folder, upstream, configuration(server, service, upstream, issuer),
    `public_url = "${GATEWAY}"`);
  const token = await issuer.token(3600, { org: { id: 7 } });

  await fetching(gateway, server, token);
  await exchanging(gateway, server, issuer, token);
  await refusing(gateway, server, token);
  await signing(gateway, jwks, issuer, token);
  await asserting(gateway, service, issuer, token);
  await requesting(service, server, path.join(file('keys'), keyFile()));
  await expiring(gateway, server, token);
  await outage(gateway, server, token);
  await check('the gateways end cleanly, and their logs hold no secret', async () => {
    assert.equal(await stop(service.child), 0, service.child.output);
    assert.equal(await stop(gateway.child), 0, gateway.child.output);
    for (const word of [SECRET, token]) assert.ok(!gateway.child.output.includes(word));
  });
});

async function fetching(gateway, server, token) {
  for (const method of ['client_secret_basic', 'client_secret_jwt']) {
    await check(`${method}: the upstream gets the server's token, fetched once and reused`, async () => {
      const first = await shown(gateway, method, token);
      assert.equal((await isOf(server, first)).client_id, method);
      assert.equal(await shown(gateway, method, token), first);
      assert.equal(server.of(method).length, 1);
    });
  }
  const method = 'client_secret_post';
  await check(`${method}: 50 requests at once wait for one fetch`, async () => {
    let release;
    server.gate.open = new Promise((resolve) => { release = resolve; });
    const waiting = server.gate.waiting;
    const before = gateway.upstream.seen.length;
    const all = Array.from({ length: 50 }, () => fetch(`${gateway.url}/${method}/1`, bearer(token)));
    await until('the gateway asks', gateway.child, () => server.gate.waiting > waiting);
    await pause(300);
    assert.equal(gateway.upstream.seen.length, before, 'without a token nothing goes on');
    release();
    for (const response of await Promise.all(all)) {
      assert.equal(response.status, 200);
      await response.text();
    }
    const tokens = new Set(gateway.upstream.seen.slice(before).map(({ headers }) => headers.authorization));
    assert.deepEqual([gateway.upstream.seen.length - before, tokens.size, server.of(method).length], [50, 1, 1]);
    await isOf(server, [...tokens][0].slice('Bearer '.length));
  });
  await check('a request that is refused fetches nothing', async () => {
    const before = server.gate.waiting;
    await refused(gateway, undefined, 401, 'token_missing', '/late/42');
    await refused(gateway, flipped(token), 401, 'signature_invalid', '/late/42');
    assert.equal(server.gate.waiting, before);
  });
}

async function exchanging(gateway, server, issuer, token) {
  await check('token exchange: the token that comes back speaks for the client, and for each its own', async () => {
    const alice = await shown(gateway, 'exchange', token);
    assert.equal((await isOf(server, alice)).on_behalf_of, 'alice');
    assert.equal(await shown(gateway, 'exchange', token), alice);
    const bob = await shown(gateway, 'exchange', await issuer.token(3600, { sub: 'bob' }));
    assert.equal((await isOf(server, bob)).on_behalf_of, 'bob');
    assert.equal(server.of('exchanger').length, 2);
  });
  await check('token exchange: whom the server refuses gets 502, and others pass', async () => {
    const mallory = await issuer.token(3600, { sub: 'mallory' });
    await denied(gateway, 'exchange', mallory, 502, 'credential_refused');
    await shown(gateway, 'exchange', token);
  });
}

async function refusing(gateway, server, token) {
  await check('a wrong secret is a 502', () => denied(gateway, 'wrong', token, 502, 'credential_refused'));
  await check('a client that the server does not know is a 502', () =>
    denied(gateway, 'stranger', token, 502, 'credential_refused'));
  await check('neither harms the right one', async () =>
    isOf(server, await shown(gateway, 'client_secret_basic', token)));
}

/** Whether joserfc takes each of these. */
function withJoserfc(cases) {
  const input = JSON.stringify(cases);
  return JSON.parse(execFileSync(process.env.PYTHON, ['verify.py'], { input, encoding: 'utf8' }));
}

async function signing(gateway, jwks, issuer, token) {
  await check('a signed token: jose takes it by the published keys, and not with a changed bit', async () => {
    const signed = await shown(gateway, 'signed', token);
    const keys = createLocalJWKSet(jwks);
    const rules = { issuer: GATEWAY, audience: RESOURCE, typ: 'JWT', algorithms: ['ES256'] };
    const { payload } = await jwtVerify(signed, keys, rules);
    assert.deepEqual([payload.sub, payload.tenant, payload.level], ['alice', 7, 3]);
    await assert.rejects(jwtVerify(flipped(signed), keys, rules), errors.JWSSignatureVerificationFailed);
    const verdicts = withJoserfc([{ token: signed, jwks }, { token: flipped(signed), jwks }]);
    assert.deepEqual(verdicts, [true, false]);
  });
  await check('a signed token is about whom the request is about', async () => {
    const bob = await shown(gateway, 'signed', await issuer.token(3600, { sub: 'bob', org: { id: 'b' } }));
    const { sub, tenant } = decodeJwt(bob);
    assert.deepEqual([sub, tenant], ['bob', 'b']);
  });
  await check('without the claim that flows in, 403', async () =>
    denied(gateway, 'signed', await issuer.token(), 403, 'credential_claim_missing'));
}

async function asserting(gateway, service, issuer, token) {
  await check('jwt_bearer: a token service takes the assertion, and its token speaks for the client', async () => {
    const alice = await shown(gateway, 'assertion', token);
    const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(alice, keys, { issuer: SERVICE, audience: SERVICE, typ: 'at+jwt' });
    assert.deepEqual([payload.sub, payload.client_id, payload.scope], ['alice', 'orders-gateway', 'orders:read']);
    assert.equal(await shown(gateway, 'assertion', token), alice);
    const { headers } = await accepted(service, alice, '/plain/42');
    assert.equal(headers['x-auth-subject'], 'alice');
  });
  await check('jwt_bearer: whom it may not speak for gets 502', async () =>
    denied(gateway, 'assertion', await issuer.token(3600, { sub: 'mallory' }), 502, 'credential_refused'));
}

async function expiring(gateway, server, token) {
  const method = 'private_key_jwt';
  await check(`${method}: the token is reused until shortly before it expires`, async () => {
    const first = await shown(gateway, method, token);
    await isOf(server, first, SHORT);
    const { exp } = decodeJwt(first);
    let last = first;
    let requests = 0;
    for (; last === first; requests += 1) {
      assert.ok(now() < exp + 1, 'a token is shown that expired');
      await pause(50);
      last = await shown(gateway, method, token);
    }
    assert.ok(requests > 10 && now() > exp - 1 - LIFETIME / 10, `after ${requests} requests, ${exp - now()} s early`);
    await isOf(server, last, SHORT);
    assert.equal(server.of(method).length, 2);
  });
  await check(`${method}: each assertion has a jti of its own, and the server takes none twice`, async () => {
    const assertions = server.of(method).map(({ params }) => params.client_assertion);
    const ids = assertions.map((assertion) => decodeJwt(assertion).jti);
    assert.equal(new Set(ids).size, assertions.length);
    const again = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: method,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertions.at(-1),
      }),
    });
    assert.equal((await again.json()).error, 'invalid_client');
  });
}

async function outage(gateway, server, token) {
  const kept = await shown(gateway, 'client_secret_basic', token);
  await server.die();
  await check('the server is dead: a token that is kept serves as long as it is good', async () => {
    assert.equal(await shown(gateway, 'client_secret_basic', token), kept);
    while ((await fetch(`${gateway.url}/private_key_jwt/1`, bearer(token))).status === 200) {
      const { exp } = decodeJwt(gateway.upstream.seen.at(-1).headers.authorization.slice('Bearer '.length));
      assert.ok(now() < exp + 1, 'a token is shown that expired');
      await pause(50);
    }
    await denied(gateway, 'private_key_jwt', token, 503, 'credential_unavailable');
    assert.equal(await shown(gateway, 'client_secret_basic', token), kept);
  });
  await check('and who needs another gets 503, at once', () =>
    denied(gateway, 'late', token, 503, 'credential_unavailable'));
  await server.mute();
  await check('the server is silent: 503 within the timeout', async () => {
    await denied(gateway, 'silent', token, 503, 'credential_unavailable');
    const { credentials } = await gateway.status();
    const { last_error: error } = credentials.find((one) => one.upstream === 'silent');
    assert.match(error, /within 1s/);
  });
  await server.die();
  await server.live();
  await check('it lives again: so do all', async () => {
    for (const name of ['late', 'silent', 'private_key_jwt']) {
      await until(`${name} passes`, gateway.child, async () =>
        (await fetch(`${gateway.url}/${name}/1`, bearer(token))).ok);
    }
    await isOf(server, await shown(gateway, 'late', token));
  });
  await server.die();
}
