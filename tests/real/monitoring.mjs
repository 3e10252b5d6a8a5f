// examples/monitoring against Prometheus itself, of Debian's package: promtool reads the rules, the scrape
// configuration and a real /metrics; each alert fires when it should and is silent when it should not; a server
// scrapes a gateway and answers every expression of the dashboard.

import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { generateKeyPairSync, sign } from 'node:crypto';
import {
  accepted, assert, check, complete, freePort, refused, scenario, scratch, start, startGateway, startUpstream, until,
} from './harness.mjs';
import { program } from './debian.mjs';
import { ALERTS, tests } from './alerts.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLES = path.join(ROOT, 'examples/monitoring');
const read = (name) => readFileSync(path.join(EXAMPLES, name), 'utf8');

/** The metrics that docs/metrics.md lists; histograms also by the names of their samples. */
function documented() {
  const text = readFileSync(path.join(ROOT, 'docs/metrics.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(portcullis_\w+)` \| (\w+) \|/gm)];
  return new Set(rows.flatMap(([, name, kind]) =>
    (kind === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((end) => name + end) : [name])));
}

function token(key, more = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://idp.example', sub: 'alice', aud: 'orders', exp: now + 600, iat: now, ...more };
  const signed = `${part({ alg: 'ES256', kid: 'k1' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

await scenario(async () => {
  const folder = scratch();
  const promtool = await program(folder, 'promtool', 'prometheus');
  const tool = (...args) => complete(promtool.file, args, { env: promtool.env, cwd: folder });
  const known = documented();
  assert.ok(known.size > 40);

  await rules(folder, tool, known);
  const gateway = await startOne(folder);
  await check('promtool finds nothing to say about /metrics', async () => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    writeFileSync(path.join(folder, 'metrics'), text);
    const { code, output } = await complete('sh', ['-c', `"${promtool.file}" check metrics < metrics`],
      { env: promtool.env, cwd: folder });
    assert.equal(code, 0, output);
  });
  await check('and does about one that is broken', async () => {
    writeFileSync(path.join(folder, 'metrics'), '# TYPE portcullis_x counter\nportcullis_x{a="b} 1\n');
    const { code } = await complete('sh', ['-c', `"${promtool.file}" check metrics < metrics`],
      { env: promtool.env, cwd: folder });
    assert.notEqual(code, 0);
  });
  await dashboard(folder, promtool, gateway, known);
});

async function rules(folder, tool, known) {
  await check('the rules and the scrape configuration are good', async () => {
    for (const args of [['check', 'rules', path.join(EXAMPLES, 'alerts.yml')],
      ['check', 'config', path.join(EXAMPLES, 'prometheus.yml')]]) {
      const { code, output } = await tool(...args);
      assert.equal(code, 0, output);
    }
  });
  await check('a broken rule and a broken configuration are not', async () => {
    const broken = path.join(folder, 'broken.yml');
    writeFileSync(broken, read('alerts.yml').replace('== 0', '== == 0'));
    assert.notEqual((await tool('check', 'rules', broken)).code, 0);
    writeFileSync(broken, read('prometheus.yml').replace('scrape_configs', 'scrape_config'));
    assert.notEqual((await tool('check', 'config', broken)).code, 0);
  });
  await check('the rules ask for metrics that there are', () => {
    for (const [name] of read('alerts.yml').matchAll(/\bportcullis_\w+/g)) assert.ok(known.has(name), name);
  });
  await check('every alert has a case in which it fires and one in which it does not', () => {
    const names = [...read('alerts.yml').matchAll(/- alert: (\w+)/g)].map((found) => found[1]);
    assert.deepEqual([...names].sort(), Object.keys(ALERTS).sort());
  });
  const own = path.join(folder, 'alerts.test.yml');
  const file = path.join(EXAMPLES, 'alerts.yml');
  await check('each alert fires when it should, and is silent when it should not', async () => {
    writeFileSync(own, tests(file, false));
    const { code, output } = await tool('test', 'rules', own);
    assert.equal(code, 0, output);
  });
  await check('a case that expects the opposite fails', async () => {
    writeFileSync(own, tests(file, true));
    const { code, output } = await tool('test', 'rules', own);
    assert.notEqual(code, 0);
    for (const name of Object.keys(ALERTS)) assert.ok(output.includes(name), `${name} holds whatever is expected`);
  });
}

/** A gateway with something to tell. */
async function startOne(folder) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };
  const own = path.join(folder, 'gateway');
  mkdirSync(own);
  writeFileSync(path.join(own, 'keys.json'), JSON.stringify({ keys: [jwk] }));
  const gateway = await startGateway(own, await startUpstream(), `
[access_log]
file = "access.log"
[store]
path = "store.redb"
[issuers."https://idp.example"]
audiences = ["orders"]
jwks_file = "keys.json"
`);
  await check('a gateway serves, and refuses', async () => {
    await accepted(gateway, token(privateKey));
    await refused(gateway, token(privateKey, { exp: 1 }), 401, 'token_expired');
  });
  const reload = await fetch(`${gateway.adminUrl}/reload`, { method: 'POST' });
  assert.equal(reload.status, 200);
  return gateway;
}

async function dashboard(folder, promtool, gateway, known) {
  const board = JSON.parse(read('dashboard.json'));
  const targets = board.panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({ title: panel.title, expr: target.expr })));
  await check('the dashboard asks for metrics that there are, and has no plugin and no data source of its own', () => {
    assert.ok(targets.length > 30);
    for (const { expr } of targets) {
      for (const [name] of expr.matchAll(/\bportcullis_\w+/g)) assert.ok(known.has(name), name);
    }
    const kinds = new Set(board.panels.map((panel) => panel.type));
    for (const kind of kinds) assert.ok(['row', 'stat', 'table', 'timeseries'].includes(kind), kind);
    for (const panel of board.panels.filter((one) => one.type !== 'row')) {
      assert.equal(panel.datasource.uid, '${datasource}', panel.title);
    }
    assert.equal(new Set(board.panels.map((panel) => panel.id)).size, board.panels.length);
  });
  const prometheus = { ...promtool, file: path.join(path.dirname(promtool.file), 'prometheus') };
  const port = await freePort();
  const config = path.join(folder, 'scrape.yml');
  writeFileSync(config, read('prometheus.yml')
    .replace('127.0.0.1:9090', new URL(gateway.adminUrl).host)
    .replaceAll('15s', '1s')
    .replace('- alerts.yml', `- ${path.join(EXAMPLES, 'alerts.yml')}`)
    .replace(/alerting:[^]*?\n\n/, ''));
  const server = start(prometheus.file, [`--config.file=${config}`, `--storage.tsdb.path=${path.join(folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'], { env: prometheus.env, cwd: folder });
  const ask = async (query) => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
    return (await fetch(url)).json();
  };
  await until('Prometheus has scraped the gateway', server, async () =>
    (await ask('portcullis_requests_total{code="token_expired"}')).data.result.length > 0);
  await check('Prometheus takes what the gateway serves', async () => {
    const answer = await ask('up{job="portcullis"}');
    assert.equal(answer.data.result[0].value[1], '1');
    const allowed = await ask('sum(portcullis_requests_total{outcome="allow"})');
    assert.equal(allowed.data.result[0].value[1], '1');
  });
  await check('Prometheus understands every expression of the dashboard', async () => {
    for (const { title, expr } of targets) {
      const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
      const answer = await ask(query);
      assert.equal(answer.status, 'success', `${title}: ${query}: ${answer.error}`);
    }
  });
  await check('and not one that is wrong', async () => {
    assert.equal((await ask('sum by (outcome) (portcullis_requests_total')).status, 'error');
  });
}
