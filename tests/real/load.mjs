// Requests one after the other while something else happens to the gateway's surroundings.

import { setTimeout as pause } from 'node:timers/promises';
import { assert, bearer, until } from './harness.mjs';

const CLIENTS = 4;
const LIMIT = 20_000;

/**
 * Sends `good` tokens, which must all pass, and between them `bad` ones, which must all be refused,
 * until `end`. Nobody else may use the gateway meanwhile.
 */
export function startLoad(gateway, good, bad) {
  const tokens = { good: [...good], bad: [...bad] };
  const ended = { good: 0, bad: 0 };
  const wrong = [];
  const before = gateway.upstream.seen.length;
  let ending = false;

  async function send(number) {
    const kind = number % 10 === 9 ? 'bad' : 'good';
    const token = tokens[kind][number % tokens[kind].length];
    const response = await fetch(`${gateway.url}/orders/${number}`, bearer(token));
    const text = await response.text();
    if (response.status !== (kind === 'good' ? 200 : 401)) {
      wrong.push(`${kind}: ${response.status} ${text}`);
    }
    ended[kind] += 1;
  }
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let number = client; !ending && number < LIMIT; number += CLIENTS) {
      await send(number).catch((error) => wrong.push(String(error.cause ?? error)));
      await pause(5);
    }
  });

  return {
    /** From now on this token is sent too, and must pass. */
    add(token) { tokens.good.push(token); },
    /** Returns when so many more good requests have ended. */
    async more(count) {
      const goal = ended.good + count;
      await until(`${count} more requests`, undefined, () => ended.good >= goal);
    },
    /** Ends it, and tells what was not as it must be. */
    async end() {
      ending = true;
      await Promise.all(clients);
      assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${ended.good + ended.bad}`);
      assert.ok(ended.good > 0 && ended.bad > 0, JSON.stringify(ended));
      const seen = gateway.upstream.seen.length - before;
      assert.equal(seen, ended.good, 'the upstream sees each good request once, and no other');
    },
  };
}
