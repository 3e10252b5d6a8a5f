// Traces with OpenTelemetry's own Python: its SDK as the client, its types as the collector that reads what the
// gateway exports. The collector is killed under load.

import { makeIssuer } from './issuer.mjs';
import {
  assert, bearer, check, complete, freePort, kill, scenario, scratch, start, startGateway, startUpstream, stop, until,
} from './harness.mjs';

const REQUESTS = 1500;
const AT_ONCE = 16;

/** OpenTelemetry's types behind an HTTP server; `spans` is what it has been sent. */
async function startCollector(port) {
  const child = start(process.env.PYTHON, ['traces.py', 'collector', String(port)]);
  const lines = () => child.output.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  await until('the collector listens', child, () => lines()[0]?.port === port);
  const url = `http://127.0.0.1:${port}/v1/traces`;
  return { child, url, spans: () => lines().slice(1) };
}

await scenario(async () => {
  const folder = scratch();
  const issuer = await makeIssuer(folder);
  const upstream = await startUpstream();
  const port = await freePort();
  let collector = await startCollector(port);
  const gateway = await startGateway(folder, upstream, `
[tracing]
endpoint = "${collector.url}"
interval = "100ms"
sample = 0
max_per_second = 100000
[[routes]]
path = "/orders/{id}"
[[routes]]
path = "/{*rest}"
${issuer.configuration}`);
  const token = await issuer.token();

  /** What the SDK saw of its request, and the spans of its trace, once `count` are there. */
  async function ask(path, shown, count, ...more) {
    const before = upstream.seen.length;
    const args = ['traces.py', 'client', gateway.url + path, collector.url, shown, ...more];
    const { code, output } = await complete(process.env.PYTHON, args);
    assert.equal(code, 0, output);
    const saw = JSON.parse(output.trim().split('\n').at(-1));
    const ofTrace = () => collector.spans().filter((span) => span.trace === saw.trace);
    await until('the spans', collector.child, () => ofTrace().length >= count);
    return { saw, spans: ofTrace(), told: upstream.seen.slice(before).map((seen) => seen.headers.traceparent) };
  }

  await check('the SDK\'s trace goes through: client, gateway, and what the upstream is told', async () => {
    const { saw, spans, told } = await ask('/orders/4711?key=hidden', token, 3);
    assert.equal(saw.status, 200);
    assert.equal(spans.length, 3);
    const shop = spans.find((span) => span.service === 'shop');
    const server = spans.find((span) => span.kind === 'SPAN_KIND_SERVER');
    const client = spans.find((span) => span.kind === 'SPAN_KIND_CLIENT');
    assert.equal(shop.id, saw.id);
    assert.equal(server.parent, shop.id);
    assert.equal(client.parent, server.id);
    assert.match(told[0], new RegExp(`^00-${saw.trace}-${client.id}-0[13]$`));
    assert.equal(server.service, 'portcullis');
    assert.equal(server.name, 'GET /orders/{id}');
    const wanted = {
      'http.request.method': 'GET', 'http.route': '/orders/{id}', 'http.response.status_code': 200,
      'url.scheme': 'http', 'network.protocol.version': '1.1', 'client.address': '127.0.0.1',
      'portcullis.request_id': saw.request_id,
    };
    for (const [key, value] of Object.entries(wanted)) assert.equal(server.attributes[key], value, key);
    assert.equal(client.attributes['server.port'], Number(new URL(upstream.url).port));
    // Within each other, by clocks of one machine.
    for (const inner of [server, client]) {
      assert.ok(inner.nanoseconds > 0 && inner.nanoseconds <= shop.nanoseconds, JSON.stringify(spans));
      assert.ok(inner.began >= shop.began, JSON.stringify(spans));
    }
    const all = JSON.stringify(spans.filter((span) => span.service === 'portcullis'));
    for (const hidden of ['4711', 'hidden', ...token.split('.')]) assert.ok(!all.includes(hidden), hidden);
  });

  await check('a refusal is in the trace, by its code, and in the log by its trace', async () => {
    const { saw, spans, told } = await ask('/orders/4711', '', 2);
    assert.equal(saw.status, 401);
    assert.deepEqual(told, [], 'the upstream sees nothing');
    const server = spans.find((span) => span.service === 'portcullis');
    assert.equal(server.parent, saw.id);
    assert.equal(server.attributes['portcullis.code'], 'token_missing');
    assert.equal(server.error, false, 'it is the client\'s mistake');
    const line = await until('the log line', gateway.child, () =>
      gateway.child.output.split('\n').find((text) => text.includes(saw.request_id)));
    assert.equal(JSON.parse(line).trace_id, saw.trace);
  });

  await check('a trace that the SDK does not record is not recorded, and goes on as it came', async () => {
    const before = collector.spans().length;
    const { saw, told } = await ask('/orders/1', token, 0, 'unsampled');
    assert.match(told[0], new RegExp(`^00-${saw.trace}-${saw.id}-0[02]$`));
    // The next recorded one comes after it would have.
    await ask('/orders/2', token, 3);
    assert.equal(collector.spans().length, before + 3);
  });

  await check('a collector that is killed under load refuses nobody, and gets spans when it is back', async () => {
    const metric = async (name) => {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      return Number(text.match(new RegExp(`^portcullis_${name} (\\d+)$`, 'm'))[1]);
    };
    let sent = 0;
    const trace = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
    const seen = upstream.seen.length;
    const one = async () => {
      const headers = { ...bearer(token).headers, traceparent: `00-${trace()}-00f067aa0ba902b7-01` };
      const response = await fetch(`${gateway.url}/orders/${sent}`, { headers });
      assert.equal(response.status, 200, await response.text());
    };
    const worker = async () => {
      while (sent < REQUESTS) {
        sent += 1;
        if (sent === REQUESTS / 3) await kill(collector.child);
        if (sent === (REQUESTS * 2) / 3) collector = await startCollector(port);
        await one();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    assert.equal(upstream.seen.length, seen + sent);
    await until('spans arrive again', collector.child, () => collector.spans().length > 0);
    const known = async () => {
      const names = ['spans_exported_total', 'spans_dropped_total', 'spans_failed_total'];
      const counts = await Promise.all(names.map(metric));
      return counts.reduce((sum, count) => sum + count) >= 2 * sent;
    };
    await until('every span is counted', gateway.child, known);
  });

  await check('what still waits is sent when the gateway ends', async () => {
    const before = collector.spans().length;
    const headers = { ...bearer(token).headers, traceparent: `00-${'a'.repeat(32)}-00f067aa0ba902b7-01` };
    assert.equal((await fetch(`${gateway.url}/orders/last`, { headers })).status, 200);
    assert.equal(await stop(gateway.child), 0);
    await until('the last spans', collector.child, () => collector.spans().length > before);
    const last = collector.spans().filter((span) => span.trace === 'a'.repeat(32));
    assert.equal(last.length, 2);
  });
});
