// Three gateways behind HAProxy, and nginx, with one Redis, as examples/replicas/ has them: what one of them knows all know;
// one is killed, one drains, a configuration and new processes roll through all, and the store dies, under load.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { assert, check, freePort, kill, scenario, scratch, until } from './harness.mjs';
import { SECRET, ask, behindNginx, makeFleet, refusedOnAll, say } from './fleet.mjs';
import { startLoad } from './steady.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const BURST = 20;
/** No gateway waits longer for its store, and none as long for others. */
const SLOW = 3_000;

const tally = (values) => Object.fromEntries(
  [...new Set(values)].sort().map((one) => [one, values.filter((other) => other === one).length]));
const many = (count, work) => Promise.all(Array.from({ length: count }, (_, number) => work(number)));
const statuses = async (answers) => tally((await answers).map(({ status }) => status));

/** Ends `load`: no GET has failed, and of the POSTs only those that were under way, told as `how` says. One that was
 *  may have been done: it is not sent again. */
async function lostOnlyPosts(load, how) {
  const { posts, twice } = await load.end();
  assert.deepEqual(load.failed.GET, []);
  assert.ok(posts.length + twice > 0, 'something was on its way there');
  assert.ok(posts.length <= 2 * 32, `${posts.length}`);
  assert.ok(posts.every((text) => how.test(text)), posts[0]);
}

await scenario(async () => {
  const folder = scratch();
  const fleet = await makeFleet(folder);
  const { api, issuer, server, replicas, front } = fleet;
  const [one, two, three] = replicas;
  const good = await issuer.token('orders');
  const bad = await issuer.token('orders', { exp: 1, aud: 'https://other.example.com' });
  const payment = () => issuer.token('payments');
  const paid = (target) => api.seen.filter((line) => line.endsWith(target)).length;
  const endpoint = (gateway, name, form) => ask(gateway, {
    method: 'POST', target: `/oauth/${name}`, body: new URLSearchParams(form),
  });
  const who = { client_id: 'erp', client_secret: SECRET };
  const refresh = (gateway, refresh_token) =>
    endpoint(gateway, 'token', { grant_type: 'refresh_token', refresh_token, ...who });
  const issue = async (gateway) => {
    const { status, json } = await endpoint(gateway, 'token', { grant_type: GRANT, assertion: await issuer.assertion() });
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  };
  // What was ended here must still be when the store has died and come back.
  const ended = {};

  await check('the user of the example has the rights that the documents name', () => {
    const rights = (name) => readFileSync(path.resolve('../..', name), 'utf8').match(/~portcullis:\* .*/)[0];
    assert.equal(rights('examples/replicas/redis.conf'), rights('docs/store.md'));
  });

  await check('HAProxy gives each of the three its share', async () => {
    const before = await many(3, (number) => replicas[number].metric('requests_total'));
    assert.deepEqual(await statuses(many(30, () => ask(front, { token: good }))), { 200: 30 });
    const after = await many(3, (number) => replicas[number].metric('requests_total'));
    for (const number of [0, 1, 2]) assert.ok(after[number] - before[number] >= 5, `${after[number]} ${before[number]}`);
  });

  await check('a jti is good once across all three, for twelve clients at the same moment', async () => {
    for (let round = 0; round < 15; round += 1) {
      const [token, target] = [await payment(), `/payments/${round}`];
      const said = await many(12, () => ask(front, { token, target }));
      assert.deepEqual(tally(said.map(({ code }) => code ?? 'passed')), { passed: 1, token_replayed: 11 });
      assert.equal(paid(target), 1, 'the API sees it once');
      await refusedOnAll(fleet, { token, target }, '401 token_replayed');
      ended.payment = token;
    }
    assert.deepEqual(await say(replicas, { token: await payment(), target: '/payments/x' }),
      ['200', '401 token_replayed', '401 token_replayed']);
  });

  await check('a token that one issues is taken by all, and refused by all when another has revoked it', async () => {
    const { access_token: token } = await issue(one);
    assert.deepEqual(await say(replicas, { token }), ['200', '200', '200']);
    const assertion = await issuer.assertion();
    const answers = await many(3, (number) => endpoint(replicas[number], 'token', { grant_type: GRANT, assertion }));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 400: 2 }, 'an assertion is good once');
    assert.equal((await endpoint(two, 'revoke', { token, ...who })).status, 200);
    await refusedOnAll(fleet, { token }, '401 token_revoked');
    ended.revoked = token;
  });

  await check('a refresh token is good once across all; one that comes twice ends its family on all', async () => {
    const first = await issue(one);
    const second = await refresh(two, first.refresh_token);
    assert.equal(second.status, 200);
    assert.deepEqual(await say(replicas, { token: second.json.access_token }), ['200', '200', '200']);
    const reused = await refresh(three, first.refresh_token);
    assert.deepEqual([reused.status, reused.json.error], [400, 'invalid_grant']);
    await refusedOnAll(fleet, { token: second.json.access_token }, '401 token_revoked');
    for (const gateway of replicas) assert.equal((await refresh(gateway, second.json.refresh_token)).status, 400);
    // At the same moment one goes on at most.
    const other = await issue(three);
    assert.deepEqual(await statuses(many(3, (number) => refresh(replicas[number], other.refresh_token))),
      { 200: 1, 400: 2 });
  });

  await check('a session that begins at one logs in at all, and is over at all when it ends at another', async () => {
    const { status, headers } = await ask(one, { token: good, target: '/app/1' });
    assert.equal(status, 200);
    const [cookie] = headers.get('set-cookie').split(';');
    assert.deepEqual(await say([...replicas, front], { cookie, target: '/app/2' }), ['200', '200', '200', '200']);
    assert.equal((await ask(two, { cookie, method: 'POST', target: '/logout' })).status, 204);
    const said = (await say(replicas, { cookie, target: '/app/3' })).map((text) => text.split(' ')[0]);
    assert.deepEqual(said, ['401', '401', '401']);
    assert.equal(paid('/app/3'), 0, 'the API sees nothing');
    ended.cookie = cookie;
  });

  await check(`of 60 requests at the same moment a shared limit lets ${BURST} through, over all three`, async () => {
    const token = await issuer.token('orders', { sub: 'bob' });
    const said = await many(60, () => ask(front, { token, target: '/reports/bob' }));
    assert.deepEqual(tally(said.map(({ code }) => code ?? 'passed')), { passed: BURST, rate_limited: 60 - BURST });
    assert.equal(paid('/reports/bob'), BURST);
    assert.ok(said.filter(({ status }) => status === 429).every(({ headers }) => headers.get('retry-after') > 0));
    await refusedOnAll(fleet, { token, target: '/reports/bob' }, '429 rate_limited');
    const carol = await issuer.token('orders', { sub: 'carol' });
    assert.deepEqual(await say(replicas, { token: carol, target: '/reports/carol' }), ['200', '200', '200']);
  });

  await check('two are killed under load, one after the other: no GET fails, no POST comes twice', async () => {
    const load = startLoad(fleet, good, bad);
    await load.more(100);
    for (const replica of [one, two]) {
      await kill(replica.child);
      await load.more(200);
      await replica.begin();
      await replica.hasItsShare();
    }
    await lostOnlyPosts(load, /^(502|0 .*(hang up|ECONNRESET))/);
  });

  await check('behind nginx too no GET fails when one is killed or drains, and no POST comes twice', async () => {
    const other = await behindNginx(folder, fleet);
    const load = startLoad(other, good, bad);
    await load.more(100);
    for (const end of [() => kill(one.child), () => two.drain()]) {
      await end();
      await load.more(100);
      for (const replica of [one, two].filter(({ child }) => child.ended)) {
        await replica.begin();
        await replica.hasItsShare();
      }
    }
    await lostOnlyPosts(load, /^502/);
  });

  await check('one that drains loses nothing, also not an answer that takes longer', async () => {
    const load = startLoad(fleet, good, bad);
    await load.more(50);
    const slow = ask(three, { token: good, target: '/orders/slow' });
    await until('it is on its way', undefined, () => paid('/orders/slow') === 1);
    const code = three.drain();
    await until('it says so', undefined, async () => !await three.isReady());
    assert.equal((await slow).status, 200);
    assert.equal(await code, 0, three.child.output);
    await load.more(100);
    await three.begin();
    await three.hasItsShare();
    await load.end();
    load.clean();
  });

  await check('a configuration, and then new processes, roll through all three without a refusal', async () => {
    const load = startLoad(fleet, good, bad);
    const before = readFileSync(one.file, 'utf8');
    const added = '[[routes]]\npath = "/added/{*rest}"\nsession = false\n\n[issuer_defaults]';
    const after = before.replace('[issuer_defaults]', added).replaceAll('"/orders/{*rest}"', '"/orders/{id}"');
    const target = '/added/1';
    await load.more(50);
    // One that is wrong changes nothing, and is told.
    one.configure(before.replace('drain_delay', 'drain_dilay'));
    await until('it is told', one.child, () => /drain_dilay/.test(one.child.output));
    for (const [number, replica] of replicas.entries()) {
      assert.equal((await ask(replica, { token: good, target })).status, 404);
      replica.configure(after);
      await until('it is taken', replica.child, async () => (await ask(replica, { token: good, target })).status === 200);
      await load.more(30);
      for (const old of replicas.slice(number + 1)) assert.equal((await ask(old, { token: good, target })).status, 404);
    }
    for (const replica of replicas) {
      assert.equal(await replica.drain(), 0, replica.child.output);
      await replica.begin();
      await replica.hasItsShare();
    }
    assert.deepEqual(await say(replicas, { token: good, target }), ['200', '200', '200']);
    await load.end();
    load.clean();
    await refusedOnAll(fleet, { token: ended.payment, target: '/payments/y' }, '401 token_replayed');
  });

  await check('a new process whose store is wrong gets no request, and says why', async () => {
    const wrongs = [
      [{ REDIS: `redis://127.0.0.1:${await freePort()}/0` }, /the store cannot be used.*cannot be reached/],
      [{ REDIS: `redis://127.0.0.1:${server.port}/99` }, /the store cannot be used.*has no database 99/],
    ];
    await kill(three.child);
    for (const [environment, says] of wrongs) {
      await three.begin(environment);
      await pause(800);
      assert.equal(await three.isReady(), false);
      assert.match(three.child.output, says);
      assert.equal(three.child.output.split('\n').filter((line) => says.test(line)).length, 1, 'it is told once');
      const said = await many(30, async (number) =>
        ask(front, { token: await payment(), target: `/payments/early-${number}` }));
      assert.deepEqual(tally(said.map(({ status }) => status)), { 200: 30 });
      assert.equal(await three.metric('requests_total'), 0, 'it gets none');
      await refusedOnAll({ ...fleet, replicas: [three] }, { token: await payment(), target: '/payments/z' },
        '503 store_unavailable');
      await kill(three.child);
    }
    await three.begin();
    await until('it is ready', three.child, () => three.isReady());
  });

  /** What all say while the store cannot tell, within a time; and that nothing of it reaches the API. */
  const withheld = async (code, round) => {
    const target = `/payments/${round}`;
    for (const gateway of [...replicas, front]) {
      const { status, code: said, milliseconds } = await ask(gateway, { token: await payment(), target });
      assert.deepEqual([status, said], [503, code]);
      assert.ok(milliseconds < SLOW, `${milliseconds} ms`);
    }
    assert.equal(paid(target), 0, 'the API sees nothing');
  };

  await check('Redis is killed and begun again under load: what needs it is refused, the rest notices nothing', async () => {
    const load = startLoad(fleet, good, bad);
    const { access_token: own } = await issue(one);
    await load.more(50);
    await kill(server.child);
    await Promise.all(replicas.map((replica) => replica.storeIs(false)));
    const failures = 'store_failures_total{use="replay",decision="refuse"}';
    const earlier = await many(3, (number) => replicas[number].metric(failures));
    await withheld('store_unavailable', 'dead');
    const later = await many(3, (number) => replicas[number].metric(failures));
    assert.equal(later.reduce((sum, count, number) => sum + count - earlier[number], 0), 4, 'each is counted');
    await refusedOnAll(fleet, { token: own, target: '/orders/own' }, '503 store_unavailable');
    await refusedOnAll(fleet, { cookie: ended.cookie, target: '/app/dead' }, '503 store_unavailable');
    assert.equal((await endpoint(one, 'revoke', { token: own, ...who })).status, 503);
    for (const replica of replicas) assert.ok(await replica.isReady(), 'all of them stay in service');
    // Each counts for itself meanwhile: no open door.
    const dave = await issuer.token('orders', { sub: 'dave' });
    for (const replica of replicas) {
      const said = await many(BURST + 10, () => ask(replica, { token: dave, target: '/reports/dave' }));
      assert.deepEqual(tally(said.map(({ status }) => status)), { 200: BURST, 429: 10 });
    }
    await load.more(200);
    await server.begin();
    await Promise.all(replicas.map((replica) => replica.storeIs(true)));
    assert.deepEqual(await statuses(many(30, async (number) =>
      ask(front, { token: await payment(), target: `/payments/back-${number}` }))), { 200: 30 });
    await refusedOnAll(fleet, { token: ended.payment, target: '/payments/w' }, '401 token_replayed');
    await refusedOnAll(fleet, { token: ended.revoked, target: '/orders/w' }, '401 token_revoked');
    const said = await say(replicas, { cookie: ended.cookie, target: '/app/4' });
    assert.deepEqual(said.map((text) => text.split(' ')[0]), ['401', '401', '401']);
    assert.deepEqual(await say(replicas, { token: own }), ['200', '200', '200']);
    const { longest } = await load.end();
    load.clean();
    assert.ok(longest < SLOW, `${longest} ms`);
  });

  await check('Redis hangs, and is full: it is refused in time, and the rest goes on', async () => {
    const load = startLoad(fleet, good, bad);
    await load.more(20);
    server.child.kill('SIGSTOP');
    await withheld('store_unavailable', 'frozen');
    await load.more(50);
    server.child.kill('SIGCONT');
    await Promise.all(replicas.map((replica) => replica.storeIs(true)));
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
    await withheld('overloaded', 'full');
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    assert.deepEqual(await statuses(many(12, async (number) =>
      ask(front, { token: await payment(), target: `/payments/room-${number}` }))), { 200: 12 });
    const { longest } = await load.end();
    load.clean();
    assert.ok(longest < SLOW, `${longest} ms`);
  });
});
