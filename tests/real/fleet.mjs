// Three gateways behind HAProxy, as examples/replicas/ has them: each on an address of its own of this machine, with one
// Redis, one folder of secrets, one issuer with two realms, and an API that counts.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { program } from './debian.mjs';
import { assert, bearer, start, until } from './harness.mjs';
import { Redis, answers, install } from './rediss.mjs';

const EXAMPLE = path.resolve('../../examples/replicas');
const HOSTS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const ISSUER = 'https://idp.example.com/realms/';
const AUDIENCE = 'https://api.example.com';
const ADMIN = 'secret-of-the-admin-listener';
export const SECRET = 'a-secret-of-the-client';

/** A port that is free on every address of this machine. */
async function portOnAll() {
  const server = net.createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Whoever counts: each request takes a moment, so that some are always under way. `/orders/slow…` takes longer. */
async function startApi() {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    request.resume();
    seen.push(`${request.method} ${request.url}`);
    await pause(request.url.includes('slow') ? 3_000 : 40);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}`, seen };
}

/** The issuer: its keys over HTTP, and tokens of a realm. */
async function startIssuer() {
  const pair = async (kid) => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    return { privateKey, jwks: { keys: [{ ...await exportJWK(publicKey), kid, alg: 'ES256' }] } };
  };
  const [realm, client] = [await pair('k1'), await pair('c1')];
  const server = http.createServer((_, response) => response.end(JSON.stringify(realm.jwks))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const sign = (kid, key, claims, lifetime) => new SignJWT({ jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'ES256', kid }).setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime).sign(key);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    client: client.jwks,
    token: (name, claims = {}) =>
      sign('k1', realm.privateKey, { iss: ISSUER + name, aud: AUDIENCE, sub: 'alice', ...claims }, 3600),
    assertion: () =>
      sign('c1', client.privateKey, { iss: 'erp', aud: `${AUDIENCE}/oauth/token`, sub: 'alice' }, 240),
  };
}

/** What all gateways of a fleet have: files that only they can read. */
function makeSecrets(folder, issuer) {
  const shared = path.join(folder, 'shared');
  mkdirSync(shared, { mode: 0o700 });
  const [, password] = /^user portcullis on >(\S+)/m.exec(readFileSync(path.join(EXAMPLE, 'redis.conf'), 'utf8'));
  const files = {
    'admin.token': ADMIN,
    'redis.password': password,
    'session.keys': Buffer.alloc(32, 7).toString('base64'),
    'erp.jwks.json': JSON.stringify(issuer.client),
    'erp.secret': SECRET,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(shared, name), `${text}\n`);
    chmodSync(path.join(shared, name), 0o600);
  }
  execFileSync(process.env.PORTCULLIS, ['keys', 'generate', '--directory', path.join(shared, 'keys')]);
  return shared;
}

/** One gateway of the fleet. `begin` starts a new process for it, on the same address. */
class Replica {
  constructor(folder, host, environment) {
    this.home = path.join(folder, host);
    mkdirSync(this.home);
    this.file = path.join(this.home, 'portcullis.toml');
    copyFileSync(path.join(EXAMPLE, 'portcullis.toml'), this.file);
    this.environment = { ...environment, ADDRESS: host };
    this.url = `http://${host}:${environment.GATEWAY_PORT}`;
    this.admin = `http://${host}:${environment.ADMIN_PORT}`;
    this.name = host;
  }

  /** Starts it, and waits until it lives; ready it may not be. */
  async begin(environment = {}) {
    const env = { ...process.env, ...this.environment, ...environment };
    this.child = start(process.env.PORTCULLIS, ['run', '-c', this.file], { env });
    await until('the gateway lives', this.child, async () => (await fetch(`${this.admin}/livez`)).ok);
  }

  async isReady() {
    const response = await fetch(`${this.admin}/readyz`);
    await response.text();
    return response.ok;
  }

  async status() {
    return (await fetch(`${this.admin}/status`, bearer(ADMIN))).json();
  }

  /** The sum of a metric over all labels that begin so. */
  async metric(name) {
    const lines = (await (await fetch(`${this.admin}/metrics`)).text()).split('\n');
    return lines.filter((line) => line.startsWith(`portcullis_${name}`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** The balancer sends requests to it: more than were on their way. */
  async hasItsShare() {
    await until(`${this.name} is ready`, this.child, () => this.isReady());
    const before = await this.metric('requests_total');
    await until(`${this.name} gets its share`, this.child, async () =>
      await this.metric('requests_total') > before + 20);
  }

  storeIs(open) {
    return until(`the store of ${this.name}: ${open}`, this.child, async () => (await this.status()).store.open === open);
  }

  /** Another configuration is put into its place, whole, and it is told. */
  configure(text) {
    writeFileSync(`${this.file}.new`, text);
    renameSync(`${this.file}.new`, this.file);
    this.child.kill('SIGHUP');
  }

  /** SIGTERM, and what it ends with. */
  async drain() {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code] = await ended;
    return code;
  }
}

/** All of it, and it works. */
export async function makeFleet(folder) {
  const [api, issuer] = [await startApi(), await startIssuer()];
  const server = await new Redis(await install(folder), folder, ['--include', path.join(EXAMPLE, 'redis.conf')]).begin();
  const balancer = await portOnAll();
  const environment = {
    LISTEN: `127.0.0.1:${balancer}`,
    GATEWAY_1: HOSTS[0], GATEWAY_2: HOSTS[1], GATEWAY_3: HOSTS[2],
    GATEWAY_PORT: `${await portOnAll()}`,
    ADMIN_PORT: `${await portOnAll()}`,
    BALANCER: '127.0.0.1',
    REDIS: `redis://127.0.0.1:${server.port}/0`,
    API: api.url,
    IDP: issuer.url,
    SHARED: makeSecrets(folder, issuer),
  };
  const replicas = HOSTS.map((host) => new Replica(folder, host, environment));
  await Promise.all(replicas.map((one) => one.begin()));
  const haproxy = await program(folder, 'haproxy', 'haproxy');
  const child = start(haproxy.file, ['-db', '-f', path.join(EXAMPLE, 'haproxy.cfg')],
    { env: { ...haproxy.env, ...environment } });
  await until('HAProxy listens', child, () => answers(balancer));
  for (const one of replicas) await until(`${one.name} is ready`, one.child, () => one.isReady());
  const front = { url: `http://127.0.0.1:${balancer}`, child };
  const token = await issuer.token('orders');
  await until('it works', child, async () => (await ask(front, { token })).status === 200);
  return { api, issuer, server, replicas, front };
}

/** The example's nginx in front of the same gateways, and what it is called. */
export async function behindNginx(folder, fleet) {
  const nginx = await program(folder, 'nginx', 'nginx');
  const [home, port] = [path.join(folder, 'nginx'), await portOnAll()];
  mkdirSync(home, { recursive: true });
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${home}/${kind};`);
  const text = fleet.replicas.reduce(
    (text, replica, number) => text.replace(`10.0.0.1${number + 1}:8080`, replica.url.slice('http://'.length)),
    readFileSync(path.join(EXAMPLE, 'nginx.conf'), 'utf8'));
  const file = path.join(home, 'nginx.conf');
  writeFileSync(file, text.replace('listen 8000', `listen 127.0.0.1:${port}`)
    .replace('http {', `http { access_log off; ${places.join(' ')}`));
  const own = `daemon off; master_process off; pid ${home}/pid; error_log ${home}/error.log;`;
  const child = start(nginx.file, ['-p', home, '-e', `${home}/error.log`, '-c', file, '-g', own], { env: nginx.env });
  await until('nginx listens', child, () => answers(port));
  return { ...fleet, front: { url: `http://127.0.0.1:${port}`, child } };
}

/** One request; what is said: `{ status, code, cookie, milliseconds }`, where `code` is that of a refusal. */
export async function ask(gateway, { token, cookie, method = 'GET', target = '/orders/1', body } = {}) {
  const since = performance.now();
  const headers = { ...bearer(token).headers, ...cookie && { cookie } };
  const response = await fetch(gateway.url + target, { method, headers, body });
  const text = await response.text();
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  return {
    status: response.status,
    code: isProblem ? JSON.parse(text).code : undefined,
    json: text.startsWith('{') ? JSON.parse(text) : undefined,
    headers: response.headers,
    milliseconds: performance.now() - since,
  };
}

/** What each gateway says to the same request, one after the other: `["200 ", "401 token_replayed", …]`. */
export async function say(gateways, what) {
  const said = [];
  for (const one of gateways) {
    const { status, code } = await ask(one, what);
    said.push(code ? `${status} ${code}` : `${status}`);
  }
  return said;
}

/** The same refusal from all of them, and the API sees nothing. */
export async function refusedOnAll(fleet, what, expected) {
  const before = fleet.api.seen.filter((line) => line.endsWith(what.target ?? '/orders/1')).length;
  assert.deepEqual(await say(fleet.replicas, what), fleet.replicas.map(() => expected));
  const after = fleet.api.seen.filter((line) => line.endsWith(what.target ?? '/orders/1')).length;
  assert.equal(after, before, 'the API sees nothing');
}
