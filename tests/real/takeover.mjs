// Gateways that replace one another under a load of new connections: none is refused where the socket is
// inherited, and hardly any where the port is shared.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { assert, check, complete, freePort, scenario, scratch, startUpstream } from './harness.mjs';

const folder = scratch();

/** What came of all the connections while gateways replaced one another in this way. */
async function replaced(mode, upstream, listen, port) {
  const file = path.join(folder, `${mode}.toml`);
  writeFileSync(file, `
[server]
listen = "${listen}"
workers = 2
[server.limits]
connections_per_address = 0
drain_timeout = "5s"
[admin]
listen = ""
[upstream]
url = "${upstream.url}"
[[routes]]
path = "/{*rest}"
access = "public"
`);
  const helper = path.join(import.meta.dirname, 'takeover.py');
  const arguments_ = [helper, mode, process.env.PORTCULLIS, file, String(port)];
  const { code, output } = await complete(process.env.PYTHON, arguments_);
  assert.equal(code, 0, output);
  const counts = JSON.parse(output.trim().split('\n').at(-1));
  console.log(`        ${mode}: ${JSON.stringify(counts)}`);
  return counts;
}

await scenario(async () => {
  const upstream = await startUpstream();
  await check('with inherited sockets no connection is refused or broken', async () => {
    const counts = await replaced('inherited', upstream, 'fd:web', await freePort());
    assert.ok(counts.answered > 100, JSON.stringify(counts));
    assert.equal(counts.refused + counts.broken, 0, JSON.stringify(counts));
    assert.deepEqual(counts.codes, counts.codes.map(() => 0), 'each drain is clean');
  });
  await check('with a shared port there is always somebody who listens', async () => {
    const port = await freePort();
    const counts = await replaced('shared', upstream, `127.0.0.1:${port}`, port);
    assert.ok(counts.answered > 100, JSON.stringify(counts));
    assert.equal(counts.refused, 0, JSON.stringify(counts));
    // What completes its handshake between the last look and the end of a listener is lost with it,
    // unless the system passes it on (net.ipv4.tcp_migrate_req).
    assert.ok(counts.broken <= 12, JSON.stringify(counts));
    assert.deepEqual(counts.codes, counts.codes.map(() => 0), 'each drain is clean');
  });
});
