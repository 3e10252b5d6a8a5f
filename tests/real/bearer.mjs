// The gateway's own token service: Authlib, requests and npm's jose as its clients, jose and joserfc as verifiers of
// its tokens, a rotation of its keys under load, and kill -9.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import {
  accepted, assert, bearer, check, complete, count, flipped, freePort, kill, refused, scenario, scratch, start,
  startUpstream, stop, until,
} from './harness.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const SECRET = 'the secret of the auditor';
const CLIENTS = 8;
const KILLS = 3;

const folder = scratch();
const at = (name) => path.join(folder, name);
const seconds = () => Math.floor(Date.now() / 1000);
const keysOf = { erp: await generateKeyPair('ES256'), stranger: await generateKeyPair('ES256') };

function portcullis(...args) {
  return execFileSync(process.env.PORTCULLIS, args, { encoding: 'utf8' });
}

/** An RSA key and a certificate of it, made by openssl. */
async function certificate(name) {
  const { code, output } = await complete('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)]);
  assert.equal(code, 0, output);
}

/** A gateway with a token service, whose addresses stay while it ends and begins again. */
class Service {
  constructor(name, upstream, configuration) {
    Object.assign(this, { name, upstream, configuration, directory: at(name) });
    mkdirSync(this.directory);
  }

  async begin() {
    this.port ??= await freePort();
    this.admin ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.endpoint = `${this.url}/oauth/token`;
    const keys = path.join(this.directory, 'keys');
    if (!existsSync(keys)) portcullis('keys', 'generate', '--directory', keys);
    const file = path.join(this.directory, 'portcullis.toml');
    writeFileSync(file, `
[server]
listen = "127.0.0.1:${this.port}"
public_url = "${this.url}"
workers = 1
[admin]
listen = "127.0.0.1:${this.admin}"
[upstream]
url = "${this.upstream.url}"
[[routes]]
path = "/orders/{*rest}"
scopes = ["orders:read"]
[[routes]]
path = "/staff/{*rest}"
scopes = ["staff"]
[signing]
directory = "keys"
[token_service]
enabled = true
refresh_tokens = true
${this.configuration}
[token_service.clients.crm]
certificate_file = "${at('crm.pem')}"
scopes = ["orders:read", "orders:write"]
[token_service.clients.erp]
jwks_file = "${at('erp.json')}"
scopes = ["orders:read", "orders:write"]
[token_service.clients.old]
active = false
certificate_file = "${at('crm.pem')}"
[token_service.clients.auditor]
client_secret = "${SECRET}"
grants = []
introspect = true
`);
    this.child = start(process.env.PORTCULLIS, ['run', '-c', file]);
    await until('the gateway is ready', this.child, async () =>
      (await fetch(`http://127.0.0.1:${this.admin}/readyz`)).ok);
    return this;
  }

  /** An assertion of the client `erp`. */
  assertion(claims = {}, key = keysOf.erp) {
    return new SignJWT({ jti: randomUUID(), ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'erp-1' })
      .setIssuer('erp').setSubject(claims.sub ?? 'bob').setAudience(this.endpoint).setIssuedAt()
      .setExpirationTime(seconds() + 240).sign(key.privateKey);
  }

  async post(endpoint, parameters, headers = {}) {
    const body = new URLSearchParams(parameters);
    const response = await fetch(`${this.url}/oauth/${endpoint}`, { method: 'POST', body, headers });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  }

  /** The answer to an assertion; `assertion` is a new one if none is given. */
  async grant(parameters = {}, assertion = undefined) {
    const own = assertion ?? await this.assertion();
    return this.post('token', { grant_type: GRANT, assertion: own, ...parameters });
  }

  async token(parameters) {
    const { status, body } = await this.grant(parameters);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  /** The client `erp` does something else with a token. */
  async of(endpoint, parameters) {
    const client_assertion = await this.assertion({ sub: 'erp' });
    return this.post(endpoint, { client_assertion_type: CLIENT_ASSERTION, client_assertion, ...parameters });
  }

  async introspect(token) {
    const authorization = `Basic ${Buffer.from(`auditor:${SECRET.replaceAll(' ', '+')}`).toString('base64')}`;
    const { status, body } = await this.post('introspect', { token }, { authorization });
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
}

/** What Python's clients make of it. */
async function withPython(service) {
  const before = service.upstream.seen.length;
  const child = start(process.env.PYTHON, ['bearer.py'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify({ base: service.url, key: at('crm.key'), stranger: at('stranger.key') }));
  while (!child.ended) await pause(50);
  await pause(50);
  const lines = child.output.split('\n').filter((line) => line.startsWith('{'));
  const results = lines.map((line) => JSON.parse(line));
  const { answered } = results.pop() ?? {};
  for (const { name, error } of results) {
    count(`Python: ${name}`, error === null, error ?? undefined);
  }
  await check('Python: all checks ran, and the upstream saw what was answered and nothing else', () => {
    assert.equal(child.exitCode, 0, child.output);
    assert.ok(results.length >= 14 && answered > 0, child.output);
    assert.equal(service.upstream.seen.length - before, answered);
  });
}

async function withJose(service) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', service.url));
  const rules = { issuer: service.url, audience: service.url, typ: 'at+jwt', algorithms: ['ES256'] };
  const { access_token: token } = await service.token({ scope: 'orders:read' });
  await check('jose verifies the access token by our key set, and not with a changed bit', async () => {
    const { payload } = await jwtVerify(token, keys, rules);
    assert.deepEqual([payload.sub, payload.client_id, payload.scope], ['bob', 'erp', 'orders:read']);
    assert.equal(payload.exp - payload.iat, 3600);
    await assert.rejects(jwtVerify(flipped(token), keys, rules), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
  });
  await check('the gateway takes it, and says who it is', async () => {
    const { headers } = await accepted(service, token);
    assert.equal(headers['x-auth-subject'], 'bob');
    assert.equal(headers['x-auth-issuer'], service.url);
    assert.equal(headers.authorization, undefined);
  });
  await check('out of scope, changed or absent it is refused', async () => {
    await refused(service, token, 403, 'scope_insufficient', '/staff/1');
    await refused(service, flipped(token), 401, 'signature_invalid');
    await refused(service, undefined, 401, 'token_missing');
  });
  await check('an assertion is no access token', async () => {
    await refused(service, await service.assertion(), 401, 'issuer_unknown');
  });
  await check("another key's assertion is refused, and the upstream sees nothing of all this", async () => {
    const before = service.upstream.seen.length;
    const { status, body } = await service.grant({}, await service.assertion({}, keysOf.stranger));
    assert.deepEqual([status, body.error], [400, 'invalid_grant']);
    assert.equal((await service.grant({ client_id: 'crm' })).body.error, 'invalid_grant');
    await service.token({ client_id: 'erp' });
    assert.equal(service.upstream.seen.length, before);
  });
  await check('a revoked token is refused from that moment on, and others are not', async () => {
    const [{ access_token: one }, { access_token: other }] = [await service.token(), await service.token()];
    await accepted(service, one);
    assert.equal((await service.of('revoke', { token: one })).status, 200);
    await refused(service, one, 401, 'token_revoked');
    await accepted(service, other);
    assert.equal((await service.introspect(one)).active, false);
    assert.equal((await service.introspect(other)).active, true);
  });
  await check('tokeninfo tells whoever has it', async () => {
    const info = (value) => fetch(`${service.url}/oauth/tokeninfo?access_token=${value}`);
    const told = await (await info(token)).json();
    assert.deepEqual([told.sub, told.scope, told.client_id], ['bob', 'orders:read', 'erp']);
    assert.equal((await info(flipped(token))).status, 400);
  });
}

async function withTheSampleClient(service) {
  const ask = (key, ...more) => complete(process.env.PORTCULLIS, ['request-token', '--endpoint', service.endpoint,
    '--key', at(key), '--issuer', 'crm', '--subject', 'carol', '--scope', 'orders:read', ...more]);
  await check('portcullis request-token gets a token in each format, and none with another key', async () => {
    const { code, output } = await ask('crm.key');
    assert.equal(code, 0, output);
    const { headers } = await accepted(service, JSON.parse(output).access_token);
    assert.equal(headers['x-auth-subject'], 'carol');
    const form = await ask('crm.key', '--format', 'urlencoded');
    await accepted(service, new URLSearchParams(form.output.trim()).get('access_token'));
    const xml = await ask('crm.key', '--format', 'xml');
    await accepted(service, xml.output.match(/<access_token>([^<]+)</)[1]);
    const stranger = await ask('stranger.key');
    assert.equal(stranger.code, 1, stranger.output);
    assert.match(stranger.output, /invalid_grant/);
  });
}

/** Asks for tokens and uses them until `ended()`; every token goes to `each`. */
function load(service, ended, each) {
  const client = async () => {
    while (!ended()) await each(await service.assertion());
  };
  return Promise.all(Array.from({ length: CLIENTS }, client));
}

async function rotated(service) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', service.url), { cooldownDuration: 500 });
  const rules = { issuer: service.url, audience: service.url, typ: 'at+jwt' };
  const [kids, tokens, failures] = [new Set(), [], []];
  let ended = false;
  const work = load(service, () => ended, async (assertion) => {
    const { status, body } = await service.grant({}, assertion);
    if (status !== 200) return failures.push(body);
    const token = body.access_token;
    kids.add(decodeProtectedHeader(token).kid);
    tokens.push(token);
    for (const one of [token, tokens[0]]) {
      const response = await fetch(`${service.url}/orders/1`, bearer(one));
      const text = await response.text();
      if (response.status !== 200) failures.push(text);
    }
    return jwtVerify(token, keys, rules).catch((error) => failures.push(error.message));
  });
  await until('tokens are issued', service.child, () => tokens.length > 10);
  const directory = path.join(service.directory, 'keys');
  portcullis('keys', 'rotate', '--directory', directory, '--after', '6s');
  try {
    await until('the new key signs', service.child, () => kids.size === 2);
    const since = tokens.length;
    await until('more tokens are issued', service.child, () => tokens.length > since + 50);
  } finally {
    ended = true;
    await work;
  }
  await check(`no good token is refused while keys rotate (${tokens.length} tokens)`, async () => {
    assert.deepEqual(failures.slice(0, 3), []);
    const states = JSON.parse(portcullis('keys', 'list', '--directory', directory, '--format', 'json')).keys;
    assert.deepEqual(states.map(({ state }) => state).sort(), ['retired', 'signing']);
    await accepted(service, tokens[0]);
    await accepted(service, tokens.at(-1));
    await refused(service, flipped(tokens.at(-1)), 401, 'signature_invalid');
  });
}

async function opaque(service) {
  const { access_token: token, refresh_token: refresh } = await service.token();
  await check('an opaque token is taken and introspected, and not with a changed character', async () => {
    assert.ok(!token.includes('.'), 'it says nothing');
    assert.equal((await accepted(service, token)).headers['x-auth-subject'], 'bob');
    const told = await service.introspect(token);
    assert.deepEqual([told.active, told.sub, told.client_id], [true, 'bob', 'erp']);
    await refused(service, token, 403, 'scope_insufficient', '/staff/1');
    const middle = token.length >> 1;
    const other = token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1);
    await refused(service, other, 401, 'token_inactive');
    assert.deepEqual(await service.introspect(other), { active: false });
    await refused(service, refresh, 401, 'token_malformed');
  });
}

/** Under load until it is killed: what was answered. */
async function killedUnderLoad(service, milliseconds) {
  const answered = { good: [], revoked: [], refreshed: [], wrong: [] };
  let ended = false;
  let turn = 0;
  const work = load(service, () => ended, async (assertion) => {
    try {
      turn += 1;
      const mine = turn;
      const { status, body } = await service.grant({}, assertion);
      if (status !== 200) return answered.wrong.push(body);
      const one = { assertion, token: body.access_token, refresh: body.refresh_token };
      if (mine % 3 === 0) {
        const { status: gone } = await service.of('revoke', { token: one.token });
        return gone === 200 ? answered.revoked.push(one) : answered.wrong.push(gone);
      }
      if (mine % 3 === 1) {
        const { status: done, body: next } = await service.of('token', {
          grant_type: 'refresh_token', refresh_token: one.refresh,
        });
        if (done !== 200) return answered.wrong.push(next);
        return answered.refreshed.push({ ...one, next: next.refresh_token, newer: next.access_token });
      }
      return answered.good.push(one);
    } catch {
      // The gateway is gone: whatever this was, it was not answered.
      return undefined;
    }
  });
  await until('each has happened', service.child, () =>
    answered.good.length > 0 && answered.revoked.length > 0 && answered.refreshed.length > 0);
  await pause(milliseconds);
  await kill(service.child);
  ended = true;
  await work;
  return answered;
}

async function stillStands(service, { good, revoked, refreshed, wrong }) {
  assert.deepEqual(wrong, []);
  for (const { token } of good) await accepted(service, token);
  for (const { token } of revoked) await refused(service, token, 401, 'token_revoked');
  for (const { token, newer } of refreshed) {
    await accepted(service, token);
    await accepted(service, newer);
  }
  // What was used up stays so.
  for (const { assertion } of [...good, ...revoked, ...refreshed]) {
    assert.equal((await service.grant({}, assertion)).body.error, 'invalid_grant');
  }
  for (const { next } of refreshed.slice(0, 10)) {
    const { status, body } = await service.of('token', { grant_type: 'refresh_token', refresh_token: next });
    assert.equal(status, 200, JSON.stringify(body));
  }
  // And reuse is still detected.
  for (const { refresh, newer } of refreshed.slice(0, 3)) {
    const { body } = await service.of('token', { grant_type: 'refresh_token', refresh_token: refresh });
    assert.equal(body.error, 'invalid_grant');
    await refused(service, newer, 401, 'token_revoked');
  }
  await accepted(service, (await service.token()).access_token);
}

await scenario(async () => {
  await certificate('crm');
  await certificate('stranger');
  const jwk = { ...await exportJWK(keysOf.erp.publicKey), kid: 'erp-1', alg: 'ES256', use: 'sig' };
  writeFileSync(at('erp.json'), JSON.stringify({ keys: [jwk] }));
  const upstream = await startUpstream();

  const signed = await new Service('signed', upstream, '').begin();
  await withPython(signed);
  await withJose(signed);
  await withTheSampleClient(signed);
  await rotated(signed);
  await stop(signed.child);

  const kept = 'access_token = "opaque"\n[store]\npath = "state/store.redb"';
  const random = await new Service('opaque', upstream, kept).begin();
  await opaque(random);
  for (let round = 1; round <= KILLS; round += 1) {
    const answered = await killedUnderLoad(random, 200 + Math.floor(Math.random() * 600));
    const sizes = ['good', 'revoked', 'refreshed'].map((kind) => answered[kind].length).join(', ');
    await random.begin();
    await check(`what was answered stands after kill -9 (${round}: ${sizes})`, () => stillStands(random, answered));
  }
  rmSync(folder, { recursive: true, force: true });
});
