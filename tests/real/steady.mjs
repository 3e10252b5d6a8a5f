// A load that goes on while something is done to those who carry it.

import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { assert, request, until } from './harness.mjs';

const CLIENTS = 32;
let begun = 0;

/**
 * Sends GET and POST with `good`, each target once, and now and then `bad`, which must get 401, until `end`.
 */
export function startLoad(fleet, good, bad) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const name = `load-${begun += 1}`;
  const ended = { GET: 0, POST: 0, bad: 0 };
  const failed = { GET: [], POST: [], bad: [] };
  const passed = [];
  const times = [];
  let ending = false;
  let next = 0;

  const send = (method, target, token) => request(fleet.front.url + target,
    { agent, method, headers: { authorization: `Bearer ${token}` } }, method === 'POST' ? 'x' : undefined);
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!ending) {
      const number = next++;
      const kind = number % 9 === 8 ? 'bad' : number % 2 ? 'POST' : 'GET';
      const [method, target] = [kind === 'bad' ? 'GET' : kind, `/orders/${name}-${kind}-${number}`];
      const since = performance.now();
      const { status, body } = await send(method, target, kind === 'bad' ? bad : good)
        .catch((error) => ({ status: 0, body: String(error) }));
      times.push(performance.now() - since);
      ended[kind] += 1;
      if (status !== (kind === 'bad' ? 401 : 200)) failed[kind].push(`${status} ${body}`);
      else if (kind === 'POST') passed.push(`POST ${target}`);
      await pause(5);
    }
  });
  const seen = (method) => fleet.api.seen.filter((line) => line.startsWith(`${method} /orders/${name}-`));

  return {
    failed,
    /** Returns when so many more GET have ended. */
    async more(count) {
      const goal = ended.GET + count;
      await until(`${count} more requests`, undefined, () => ended.GET >= goal);
    },
    /** Nothing failed. */
    clean() {
      assert.deepEqual(failed, { GET: [], POST: [], bad: [] });
    },
    /** Ends it: no bad token got through, and no POST came twice. Whether some failed is asked elsewhere. */
    async end() {
      ending = true;
      await Promise.all(clients);
      agent.destroy();
      assert.deepEqual(failed.bad, []);
      assert.deepEqual(seen('GET').filter((line) => line.includes('-bad-')), [], 'the API sees no bad token');
      const posts = seen('POST');
      assert.equal(new Set(posts).size, posts.length, 'no POST was sent twice');
      const arrived = new Set(posts);
      assert.deepEqual(passed.filter((line) => !arrived.has(line)), [], 'what was answered with 200 has arrived');
      const twice = seen('GET').length - new Set(seen('GET')).size;
      times.sort((a, b) => a - b);
      const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
      console.log(`        ${ended.GET} GET (${failed.GET.length} failed, ${twice} came twice), ${ended.POST} POST (${
        failed.POST.length} failed), ${ended.bad} refused; median ${at(0.5).toFixed(0)} ms, 99 % ${
        at(0.99).toFixed(0)} ms, longest ${at(1).toFixed(0)} ms`);
      return { longest: at(1), posts: failed.POST, twice };
    },
  };
}
