// What every scenario needs: processes that end with it, a gateway, an upstream that counts, a tally.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export { assert };

const START_LIMIT = 20_000;
const children = new Set();
const cleanups = [];
let passed = 0;
let failed = 0;
let finished = false;

// Whatever ends this process ends its children, and only those, and leaves a tally for the runner.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  if (!finished) count('the scenario runs to its end', false);
  if (process.env.PORTCULLIS_TALLY) {
    appendFileSync(process.env.PORTCULLIS_TALLY, `${passed} ${failed}\n`);
  }
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** A folder that is removed at the end. */
export function scratch() {
  const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-real-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs one check. A failed one is told and counted, and the next goes on. */
export async function check(name, body) {
  try {
    await body();
    count(name, true);
  } catch (error) {
    count(name, false, error);
  }
}

/** Counts a check that something else has carried out. */
export function count(name, good, error) {
  if (good) {
    passed += 1;
    console.log(`ok      ${name}`);
  } else {
    failed += 1;
    console.log(`FAILED  ${name}`);
    if (error) console.log(String(error.stack ?? error).replace(/^/gm, '        '));
  }
}

/** Runs a scenario, and ends what it started. */
export async function scenario(body) {
  try {
    await body();
  } catch (error) {
    count('the scenario goes on', false, error);
  }
  for (const child of [...children]) await stop(child);
  for (const cleanup of cleanups) await cleanup();
  finished = true;
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

/** Starts a process that ends with the scenario. What it prints is kept in `child.output`. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.output = '';
  child.ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { child.output += text; });
  }
  child.on('error', (error) => { child.output += `\n${error}`; child.ended = true; });
  child.on('exit', () => { child.ended = true; children.delete(child); });
  children.add(child);
  return child;
}

/** Ends a process that `start` started: politely, then not. */
export async function stop(child) {
  children.delete(child);
  if (child.ended) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(impatience);
  return child.exitCode;
}

/** Ends a process that `start` started at once, as a crash would. */
export async function kill(child) {
  const ended = child.ended ? undefined : once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Runs a process to its end, which must come within a minute. */
export async function complete(command, args, options = {}) {
  const child = start(command, args, { timeout: 60_000, ...options });
  if (!child.ended) await once(child, 'close');
  return { code: child.exitCode, output: child.output };
}

/** Waits until `probe` answers something true; `child` must live that long. */
export async function until(what, child, probe) {
  for (const end = Date.now() + START_LIMIT; Date.now() < end; await pause(50)) {
    if (child?.ended) throw new Error(`${what}: the process ended\n${child.output}`);
    const answer = await Promise.resolve().then(probe).catch(() => undefined);
    if (answer) return answer;
  }
  throw new Error(`${what}: not within ${START_LIMIT} ms\n${child?.output ?? ''}`);
}

/** Where ports are looked for: below those that a system gives to whoever connects, which may come in between. */
const PORTS = { from: 11_000, count: 20_000 };
const given = new Set();

/** A port that is free now, and that nobody here gets again. */
export async function freePort() {
  for (let tries = 0; tries < 1000; tries++) {
    const port = PORTS.from + randomInt(PORTS.count);
    if (given.has(port)) continue;
    given.add(port);
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(() => true, () => false);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}

/** An upstream that answers with what it saw, and keeps it in `seen`. */
export async function startUpstream() {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    let body = '';
    try {
      for await (const part of request.setEncoding('utf8')) body += part;
    } catch {
      return; // Whoever asked gave it up.
    }
    const shown = { method: request.method, url: request.url, headers: request.headers, body };
    seen.push(shown);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(shown));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}`, seen };
}

/** A gateway in front of `upstream`; `issuers` is the rest of its configuration, `server` keys of [server], `within`
 *  what starts it, `adminKeys` keys of [admin]. */
export async function startGateway(folder, upstream, issuers, server = '', within = [], adminKeys = '') {
  const [port, admin] = [await freePort(), await freePort()];
  const file = path.join(folder, 'portcullis.toml');
  writeFileSync(file, `
[server]
listen = "127.0.0.1:${port}"
workers = 1
${server}
[admin]
listen = "127.0.0.1:${admin}"
${adminKeys}
[upstream]
url = "${upstream.url}"
${issuers}`);
  const [command, ...rest] = [...within, process.env.PORTCULLIS, 'run', '-c', file];
  const child = start(command, rest);
  await until('the gateway is ready', child, async () =>
    (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok);
  const status = async () => (await fetch(`http://127.0.0.1:${admin}/status`)).json();
  const adminUrl = `http://127.0.0.1:${admin}`;
  return { url: `http://127.0.0.1:${port}`, adminUrl, child, upstream, status };
}

/** One request by node's own client, which tries none twice: its status and its body. */
export function request(url, options, body) {
  return new Promise((resolve, reject) => {
    const asked = http.request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The request reaches the upstream, and the answer comes back. */
export async function accepted(gateway, token, target = '/orders/42') {
  const before = gateway.upstream.seen.length;
  const response = await fetch(gateway.url + target, bearer(token));
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.equal(gateway.upstream.seen.length, before + 1, 'the upstream sees the request once');
  return JSON.parse(text);
}

/** The request is refused with this status and code, and the upstream sees nothing. */
export async function refused(gateway, token, status, code, target = '/orders/42') {
  const before = gateway.upstream.seen.length;
  const response = await fetch(gateway.url + target, bearer(token));
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(JSON.parse(text).code, code);
  assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer /);
  assert.ok(response.headers.get('x-request-id'), 'there is an x-request-id');
  assert.equal(gateway.upstream.seen.length, before, 'the upstream sees nothing');
}

/** The options of a request with this token, or with none. */
export function bearer(token) {
  return token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
}

/** `token` with one character in the middle of its signature changed. */
export function flipped(token) {
  const [header, payload, signature] = token.split('.');
  const middle = signature.length >> 1;
  const other = signature[middle] === 'A' ? 'B' : 'A';
  return [header, payload, signature.slice(0, middle) + other + signature.slice(middle + 1)].join('.');
}

/** `token` with the claims that `change` makes of its own, under the old signature. */
export function altered(token, change) {
  const [header, payload, signature] = token.split('.');
  const claims = change(JSON.parse(Buffer.from(payload, 'base64url')));
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}
