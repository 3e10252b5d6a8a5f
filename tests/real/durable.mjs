// A store in a file: the gateway is killed at random moments under load, and no token that was good once is good
// again. And a disk that is full.

import { rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  accepted, assert, bearer, check, complete, kill, refused, scenario, scratch, startGateway, startUpstream, stop,
  until,
} from './harness.mjs';
import { makeIssuer } from './issuer.mjs';

const CLIENTS = 24;
const KILLS = 10;
const MIB = 1 << 20;

/** The order that a token is for; the upstream tells by it which tokens it has seen. */
const order = (jti) => `/orders/${jti}`;

/** Sends new tokens until the gateway is killed: those that were answered 200, and those nobody knows of. */
async function under(gateway, issuer, round, milliseconds) {
  const [passed, unknown, wrong] = [[], [], []];
  let ending = false;
  const client = async (number) => {
    for (let count = 0; !ending; count += 1) {
      const jti = `${round}-${number}-${count}`;
      const token = await issuer.token(3600, { jti });
      try {
        const response = await fetch(gateway.url + order(jti), bearer(token));
        await response.text();
        if (response.status === 200) passed.push({ jti, token });
        else wrong.push(response.status);
      } catch {
        unknown.push({ jti, token });
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  await pause(milliseconds);
  const { disk } = (await gateway.status()).store;
  await kill(gateway.child);
  ending = true;
  await Promise.all(clients);
  assert.deepEqual(wrong, []);
  return { passed, unknown, commits: disk.commits };
}

/** What became of each of these tokens when they are sent again. */
async function again(gateway, tokens) {
  const outcomes = new Map();
  const rest = [...tokens];
  const client = async () => {
    for (let next = rest.pop(); next; next = rest.pop()) {
      const response = await fetch(gateway.url + order(next.jti), bearer(next.token));
      const text = await response.text();
      const outcome = response.status === 200 ? 'passed' : JSON.parse(text).code;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return Object.fromEntries(outcomes);
}

async function killedUnderLoad(folder, upstream, issuer, configuration) {
  const all = [];
  let [commits, milliseconds, lost] = [0, 0, 0];
  for (let round = 0; round < KILLS; round += 1) {
    const gateway = await startGateway(folder, upstream, configuration);
    const life = 150 + Math.floor(Math.random() * 450);
    const load = await under(gateway, issuer, round, life);
    all.push(...load.passed);
    [commits, milliseconds] = [commits + load.commits, milliseconds + life];
    const next = await startGateway(folder, upstream, configuration);
    const outcomes = await again(next, load.passed);
    assert.deepEqual(outcomes, load.passed.length > 0 ? { token_replayed: load.passed.length } : {});
    // What was not answered is used up or not, and never both.
    const unknown = await again(next, load.unknown.slice(0, CLIENTS));
    lost += unknown.passed ?? 0;
    await kill(next.child);
  }
  const last = await startGateway(folder, upstream, configuration);
  assert.ok(all.length > 100, `${all.length} tokens`);
  assert.deepEqual(await again(last, all), { token_replayed: all.length });
  const urls = upstream.seen.map(({ url }) => url);
  assert.equal(new Set(urls).size, urls.length, 'the upstream sees no token twice');
  console.log(`        ${all.length} tokens in ${milliseconds} ms, ${commits} commits; ${lost} never came`);
  return last;
}

/** Whether `probe` holds within a while. */
const soon = (gateway, what, probe) => until(what, gateway.child, probe);

async function fullDisk(upstream, issuer, configuration) {
  const folder = scratch();
  const state = path.join(folder, 'state');
  // A small disk in a name space of its own, which ends with the gateway.
  const mount = `mkdir -m 700 '${state}' && mount -t tmpfs -o size=6m,mode=700 none '${state}' && exec "$@"`;
  const within = ['unshare', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh'];
  const gateway = await startGateway(folder, upstream, configuration, '', within);
  const disk = async () => (await gateway.status()).store.disk;
  const send = async (jti) => issuer.token(3600, { jti });
  await accepted(gateway, await send('full-1'));
  const filler = path.join('/proc', String(gateway.child.pid), 'root', state, 'filler');
  try {
    writeFileSync(filler, Buffer.alloc(8 * MIB));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  }
  const before = upstream.seen.length;
  let refusals = 0;
  for (let number = 0; number < 200 && refusals < 3; number += 1) {
    const jti = `filling-${number}`;
    const response = await fetch(gateway.url + order(jti), bearer(await send(jti)));
    await response.text();
    if (response.status !== 200) {
      assert.equal(response.status, 503);
      refusals += 1;
    } else {
      assert.equal(refusals, 0, 'nothing passes once the disk is full');
    }
  }
  assert.equal(refusals, 3, 'a full disk refuses');
  assert.ok(upstream.seen.length < before + 200);
  assert.ok((await disk()).errors > 0);
  assert.equal(statSync(filler).isFile(), true);
  rmSync(filler);
  let tries = 0;
  await soon(gateway, 'it works again', async () => {
    tries += 1;
    const response = await fetch(gateway.url + order('after'), bearer(await send(`after-${tries}`)));
    await response.text();
    return response.status === 200;
  });
  assert.equal((await disk()).open, true);
  await refused(gateway, await send('full-1'), 401, 'token_replayed');
  await accepted(gateway, await send('full-2'));
  await stop(gateway.child);
}

await scenario(async () => {
  const [folder, upstream] = [scratch(), await startUpstream()];
  const issuer = await makeIssuer(folder);
  const configuration = `${issuer.configuration}replay = "reject"\n[store]\npath = "state/portcullis.redb"\n`;
  let gateway;
  await check(`after ${KILLS} kills no token that was answered 200 is good again`, async () => {
    gateway = await killedUnderLoad(folder, upstream, issuer, configuration);
  });
  await check('a second process on the same file does not start', async () => {
    const file = path.join(folder, 'second.toml');
    writeFileSync(file, `
[server]
listen = "127.0.0.1:0"
[admin]
listen = ""
[upstream]
url = "${upstream.url}"
${configuration}`);
    const { code, output } = await complete(process.env.PORTCULLIS, ['run', '-c', file]);
    assert.equal(code, 1, output);
    assert.match(output, /portcullis\.redb is in use by another process/);
    await accepted(gateway, await issuer.token(3600, { jti: 'still' }));
  });
  await check('a clean end and a new beginning', async () => {
    assert.equal(await stop(gateway.child), 0);
    gateway = await startGateway(folder, upstream, configuration);
    await refused(gateway, await issuer.token(3600, { jti: 'still' }), 401, 'token_replayed');
    await accepted(gateway, await issuer.token(3600, { jti: 'new' }));
    await stop(gateway.child);
  });
  await check('a damaged file is told of, and stays as it is', async () => {
    const store = path.join(folder, 'state/portcullis.redb');
    writeFileSync(store, 'x'.repeat(10_000));
    const file = path.join(folder, 'portcullis.toml');
    const { code, output } = await complete(process.env.PORTCULLIS, ['run', '-c', file]);
    assert.equal(code, 1, output);
    assert.match(output, /is damaged, or not a store of this program/);
    assert.equal(statSync(store).size, 10_000);
  });
  await check('a full disk refuses, is counted, and works again when there is room', async () => {
    const small = scratch();
    const other = await makeIssuer(small);
    const place = `${other.configuration}replay = "reject"\n[store]\npath = "state/portcullis.redb"\n`;
    const absolute = place.replace('"jwks.json"', `"${path.join(small, 'jwks.json')}"`);
    await fullDisk(upstream, other, absolute);
  });
});
