// Three real nginx behind one gateway: one after the other is killed and comes back, under load.

import http from 'node:http';
import { assert, check, kill, request, scenario, scratch, startGateway, until } from './harness.mjs';
import { install, startNginx } from './nginx.mjs';

const CLIENTS = 16;
const folder = scratch();

/** Clients that send GET and POST in turn, each target once, until `end`. */
function startLoad(url) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const ended = { GET: 0, POST: 0 };
  const failed = { GET: [], POST: [] };
  const times = [];
  let ending = false;
  let next = 0;

  const send = (method, target) =>
    request(url + target, { agent, method }, method === 'POST' ? 'x' : undefined);
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!ending) {
      const number = next++;
      const method = number % 4 === 3 ? 'POST' : 'GET';
      const begun = performance.now();
      const answer = await send(method, `/${number}`).catch((error) => ({ status: 0, body: String(error) }));
      times.push(performance.now() - begun);
      ended[method] += 1;
      if (answer.status !== 200) failed[method].push(`${answer.status} ${answer.body}`);
    }
  });
  return {
    ended,
    failed,
    async more(count) {
      const goal = ended.GET + count;
      await until(`${count} more requests`, undefined, () => ended.GET >= goal);
    },
    async end() {
      ending = true;
      await Promise.all(clients);
      agent.destroy();
      times.sort((a, b) => a - b);
      const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1);
      return `median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms`;
    },
  };
}

await scenario(async () => {
  const nginx = await install(folder);
  const servers = [];
  for (const name of ['one', 'two', 'three']) servers.push(await startNginx(nginx, folder, name));
  const urls = servers.map((server) => `"${server.url}"`).join(', ');
  const gateway = await startGateway(folder, { url: servers[0].url }, `
[[routes]]
path = "/{*rest}"
access = "public"
upstream = "many"
[upstreams.many]
urls = [${urls}]
[upstreams.many.ejection]
time = "1s"
[upstreams.many.health]
path = "/health"
interval = "200ms"
healthy = 1
`);
  const state = async (server) => {
    const { upstreams } = await gateway.status();
    const many = upstreams.find((one) => one.upstream === 'many');
    return many.servers.find((one) => one.url === server.url).addresses[0].state;
  };
  const asked = (server) => server.log().filter((line) => /^\w+ \/\d+$/.test(line)).length;
  const load = startLoad(gateway.url);

  await check('all three share the load', async () => {
    await load.more(1_000);
    for (const server of servers) assert.ok(asked(server) > 200, `${server.name}: ${asked(server)}`);
    assert.deepEqual([load.failed.GET, load.failed.POST], [[], []]);
  });
  for (const server of servers.slice(0, 2)) {
    await check(`${server.name} is killed: no GET fails, and it is left alone`, async () => {
      await kill(server.child);
      await load.more(1_000);
      await until('it is out', undefined, async () => await state(server) !== 'healthy');
      await load.more(200);
      assert.deepEqual(load.failed.GET, []);
    });
    await check(`${server.name} comes back, and gets its share`, async () => {
      await server.again();
      const before = asked(server);
      await until('it is asked again', undefined, () => asked(server) > before + 100);
      assert.equal(await state(server), 'healthy');
      assert.deepEqual(load.failed.GET, []);
    });
  }
  await check('two at once are killed: the third serves', async () => {
    await Promise.all(servers.slice(0, 2).map((server) => kill(server.child)));
    await load.more(1_000);
    assert.deepEqual(load.failed.GET, []);
    for (const server of servers.slice(0, 2)) await server.again();
    await load.more(200);
  });
  const times = await load.end();
  await check('no request failed but a POST that a killed server may have seen, and none was sent twice', () => {
    assert.deepEqual(load.failed.GET, []);
    assert.ok(load.failed.POST.length <= 4 * CLIENTS, `${load.failed.POST.length}`);
    assert.ok(load.failed.POST.every((text) => text.startsWith('502')), load.failed.POST[0]);
    const posts = servers.flatMap((server) => server.log()).filter((line) => line.startsWith('POST'));
    assert.equal(new Set(posts).size, posts.length);
  });
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const metric = (text) => metrics.split('\n').find((line) => line.startsWith(text))?.split(' ').at(-1);
  const retries = metric('portcullis_upstream_retries_total{upstream="many",outcome="tried"}');
  console.log(`  ${load.ended.GET} GET (0 failed), ${load.ended.POST} POST (${load.failed.POST.length} with 502); ${
    servers.map((server) => `${server.name} ${asked(server)}`).join(', ')}; ${retries} retries; ${times}`);
});
