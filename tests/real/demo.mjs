// `portcullis demo` as a user meets it: the printed lines, the curl script, the Postman collection.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import newman from 'newman';
import {
  assert, check, complete, count, scenario, scratch, start, stop, until,
} from './harness.mjs';

const examples = path.resolve('../../examples');
const bash = (line) => spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: 20_000 });

async function startDemo() {
  const free = ['--port', '--issuer-port', '--upstream-port', '--admin-port']
    .flatMap((option) => [option, '0']);
  const child = start(process.env.PORTCULLIS, ['demo', ...free]);
  const url = (name) => child.output.match(new RegExp(`^ +${name} +(http://[0-9.:]+)`, 'm'))?.[1];
  await until('the demo is ready', child, async () =>
    child.output.includes('--show-config') && (await fetch(`${url('admin')}/readyz`)).ok);
  return {
    child,
    gateway: url('gateway'),
    issuer: url('issuer'),
    upstream: url('upstream'),
    admin: url('admin'),
  };
}

/** Pastes each printed line whose heading promises a status, and holds it to that. */
async function printedLines({ child }) {
  const lines = [...child.output.matchAll(/^# (\d{3})(?: (\w+))?: (.+)\n(curl -i .+)$/gm)];
  await check('the demo prints lines to paste', () => assert.ok(lines.length >= 8));
  for (const [, status, code, title, line] of lines) {
    await check(`printed line: ${title}`, () => {
      const { stdout } = bash(line);
      assert.equal(stdout.match(/^HTTP\/1\.1 (\d{3})/)?.[1], status, stdout);
      assert.equal(stdout.match(/"code": ?"(\w+)"/)?.[1], code, stdout);
    });
  }
}

async function curlScript({ gateway, issuer }) {
  const { code, output } = await complete('bash', [path.join(examples, 'curl.sh')], {
    env: { ...process.env, GATEWAY: gateway, ISSUER: issuer },
  });
  for (const [, outcome, name] of output.matchAll(/^(ok|FAILED) +(.+)$/gm)) {
    count(`curl.sh: ${name}`, outcome === 'ok', output);
  }
  await check('curl.sh ends well', () => assert.equal(code, 0, output));
}

async function postman({ child, ...urls }) {
  const summary = await new Promise((resolve, reject) => {
    newman.run({
      collection: path.join(examples, 'portcullis.postman_collection.json'),
      // The other one is refusals.mjs.
      folder: ['Passes', 'Is refused', 'Rotation', 'Admin'],
      envVar: Object.entries(urls).map(([key, value]) => ({ key, value })),
      reporters: [],
      timeout: 120_000,
    }, (error, summary) => (error ? reject(error) : resolve(summary)))
      // Not from the summary: there, a test stands once more for each request of its own scripts.
      .on('assertion', (error, { item, assertion }) =>
        count(`postman: ${item.name}: ${assertion}`, !error, error));
  });
  await check('postman: every script runs, and no request fails', () => {
    assert.deepEqual(summary.run.failures.map(({ error }) => error.message), []);
    assert.equal(summary.run.stats.requests.failed, 0);
  });
}

await scenario(async () => {
  const demo = await startDemo();
  await printedLines(demo);
  await curlScript(demo);
  await postman(demo);

  await check('a second demo on the same port says so and ends with 1', async () => {
    const port = new URL(demo.gateway).port;
    const { code, output } = await complete(process.env.PORTCULLIS, ['demo', '--port', port,
      '--issuer-port', '0', '--upstream-port', '0', '--admin-port', '0']);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`port ${port} is in use \\(--port\\)`));
  });
  await check('the shown configuration passes `check`', async () => {
    const { code, output } = await complete(process.env.PORTCULLIS, ['demo', '--show-config']);
    assert.equal(code, 0);
    const file = path.join(scratch(), 'demo.toml');
    writeFileSync(file, output);
    const checked = await complete(process.env.PORTCULLIS, ['check', '-c', file]);
    assert.equal(checked.code, 0, checked.output);
  });
  await check('the demo ends cleanly', async () => {
    assert.equal(await stop(demo.child), 0, demo.child.output);
  });
});
