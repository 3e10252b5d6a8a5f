// Every refusal that a client can cause, with Postman's runner, against the gateways of examples/refusals.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import newman from 'newman';
import {
  assert, check, complete, count, freePort, scenario, scratch, start, startUpstream, until,
} from './harness.mjs';

const examples = path.resolve('../../examples');
const FOLDER = 'Every refusal';

/** The example as a user starts it, on ports of its own, in front of `upstream`. */
async function startGateways(upstream) {
  const folder = path.join(scratch(), 'refusals');
  cpSync(path.join(examples, 'refusals'), folder, { recursive: true });
  const ports = { 9000: new URL(upstream.url).port };
  for (const shown of [8082, 9092, 8443, 9093]) ports[shown] = await freePort();
  for (const name of ['portcullis.toml', 'tls.toml']) {
    const file = path.join(folder, name);
    writeFileSync(file, readFileSync(file, 'utf8')
      .replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${ports[port]}`));
  }
  const made = await complete('bash', ['-e', 'prepare.sh'], {
    cwd: folder, env: { ...process.env, PATH: `${path.dirname(process.env.PORTCULLIS)}:${process.env.PATH}` },
  });
  assert.equal(made.code, 0, made.output);
  for (const [name, admin] of [['portcullis.toml', 9092], ['tls.toml', 9093]]) {
    const child = start(process.env.PORTCULLIS, ['run', '-c', name], { cwd: folder });
    await until(`${name} serves`, child, async () => (await fetch(`http://127.0.0.1:${ports[admin]}/readyz`)).ok);
  }
  return { refusals: `http://127.0.0.1:${ports[8082]}`, tls: `127.0.0.1:${ports[8443]}` };
}

/** What newman ran, by the code in the name of each request. */
async function postman(urls) {
  const codes = new Set();
  const summary = await new Promise((resolve, reject) => {
    newman.run({
      collection: path.join(examples, 'portcullis.postman_collection.json'),
      folder: FOLDER,
      envVar: Object.entries(urls).map(([key, value]) => ({ key, value })),
      insecure: true,
      reporters: [],
      timeout: 120_000,
    }, (error, summary) => (error ? reject(error) : resolve(summary)))
      .on('assertion', (error, { item, assertion }) => {
        codes.add(item.name.split(/[ :]/)[1]);
        count(`postman: ${item.name}: ${assertion}`, !error, error);
      });
  });
  await check('postman: every script runs, and no request fails', () => {
    assert.deepEqual(summary.run.failures.map(({ error }) => error.message), []);
    assert.equal(summary.run.stats.requests.failed, 0);
  });
  return codes;
}

/** The codes of docs/refusals.md but those that no client can cause. */
function ofClients() {
  const entries = readFileSync(path.resolve('../../docs/refusals.md'), 'utf8').split('\n### ').slice(1);
  return entries.filter((entry) => !entry.includes('\nNo client can cause it: '))
    .map((entry) => entry.split('\n')[0]);
}

await scenario(async () => {
  const upstream = await startUpstream();
  const codes = await postman(await startGateways(upstream));
  await check('every refusal that a client can cause is in the collection', () =>
    assert.deepEqual([...codes].sort(), ofClients().sort()));
  await check('of a refused request the API sees nothing', () => {
    // One passes before its token is replayed, one before it is revoked, 25 fill the store; and the mapper is asked.
    const passed = upstream.seen.filter(({ url }) => url !== '/mapper');
    assert.equal(passed.length, 27);
    assert.ok(passed.every(({ url }) => url === '/orders/42'));
  });
});
