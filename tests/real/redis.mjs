// Gateways that share a store in Redis, which is killed, frozen, filled, and begins again under load; and servers that
// will not do.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import {
  accepted, assert, bearer, check, flipped, freePort, kill, refused, scenario, scratch, startUpstream, stop, until,
} from './harness.mjs';
import { makeIssuer } from './issuer.mjs';
import { Redis, begin, install } from './rediss.mjs';
import { certificates } from './slapd.mjs';

const CLIENTS = 16;
const PASSWORD = 'a password of the test';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const folder = scratch();
const at = (name) => path.join(folder, name);

function secretFile(name, text, mode = 0o600) {
  writeFileSync(at(name), text);
  chmodSync(at(name), mode);
  return at(name);
}

/** What a request is answered with: `passed`, or its code; and how long that took. */
async function outcome(gateway, token, target = '/orders/42') {
  const since = performance.now();
  const response = await fetch(gateway.url + target, bearer(token));
  const text = await response.text();
  const answer = response.status === 200 ? 'passed' : JSON.parse(text).code;
  return { answer, status: response.status, milliseconds: performance.now() - since };
}

/** The request is refused because the store cannot say; the upstream sees nothing. */
async function withheld(gateway, token, code) {
  const before = gateway.upstream.seen.length;
  const { answer, status } = await outcome(gateway, token);
  assert.deepEqual([status, answer], [503, code]);
  assert.equal(gateway.upstream.seen.length, before, 'the upstream sees nothing');
}

/** `work` for each of `items`, some at once. */
async function each(items, work) {
  const rest = [...items.entries()];
  const client = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) await work(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

const counted = (answers) => Object.fromEntries(
  [...new Set(answers)].sort().map((one) => [one, answers.filter((other) => other === one).length]));

/** The gateway is connected to its store. */
const connected = (gateway) =>
  until('the store is connected', gateway.child, async () => (await gateway.status()).store.open);
/** It knows that it is not. */
const parted = (gateway) =>
  until('the store is gone', gateway.child, async () => !(await gateway.status()).store.open);

const quickest = (values, part) => values.sort((a, b) => a - b)[Math.floor(values.length * part)];

await scenario(async () => {
  const redis = await install(folder);
  const upstream = await startUpstream();
  const issuer = await makeIssuer(folder);
  const fresh = (claims = {}) => issuer.token(3600, { jti: randomUUID(), ...claims });
  const trusts = issuer.configuration.replace('"jwks.json"', `"${at('jwks.json')}"`);
  // Longer than by default: the machine of the tests may be busy with others.
  const configuration = (store, rest = '') =>
    `${rest}${trusts}replay = "reject"\n[store]\ntimeout = "400ms"\n${store}\n`;

  const server = await new Redis(redis, folder).begin();
  const url = `url = "redis://127.0.0.1:${server.port}/2"`;
  const [one, other] = [
    await begin(folder, upstream, configuration(url)), await begin(folder, upstream, configuration(url)),
  ];
  await check('a gateway that reaches its store is ready', async () => {
    const ready = await one.ready();
    assert.deepEqual([ready.status, ready.store], [200, true], one.child.output);
    assert.equal((await one.status()).store.kind, 'redis');
  });

  await check('a jti is good once across both gateways, also at the same moment', async () => {
    const tokens = await Promise.all(Array.from({ length: 200 }, () => fresh()));
    const before = upstream.seen.length;
    await each(tokens, async (token) => {
      const answers = await Promise.all([one, other, one, other].map((gateway) => outcome(gateway, token)));
      assert.deepEqual(counted(answers.map(({ answer }) => answer)), { passed: 1, token_replayed: 3 });
    });
    assert.equal(upstream.seen.length, before + tokens.length, 'the upstream sees each token once');
    await each(tokens, (token, number) =>
      outcome(number % 2 ? one : other, token).then(({ answer }) => assert.equal(answer, 'token_replayed')));
  });

  await check('Redis holds hashes that end, and no token', async () => {
    const keys = (await server.command('-n', '2', '--scan')).split('\n');
    assert.ok(keys.length >= 200);
    for (const key of keys) assert.match(key, /^portcullis:once:[A-Za-z0-9_-]{43}$/);
    const left = Number(await server.command('-n', '2', 'PTTL', keys[0]));
    assert.ok(left > 3_600_000 && left < 3_800_000, `${left}`);
  });

  await check('what it costs', async () => {
    const plain = await begin(folder, upstream, `${trusts}replay = "reject"\n`);
    const median = async (gateway) => {
      const times = [];
      for (let number = 0; number < 300; number += 1) {
        const { answer, milliseconds } = await outcome(gateway, await fresh());
        assert.equal(answer, 'passed');
        times.push(milliseconds);
      }
      return quickest(times, 0.5);
    };
    await median(one);
    const [memory, shared] = [await median(plain), await median(one)];
    console.log(`        a request: ${memory.toFixed(2)} ms in memory, ${shared.toFixed(2)} ms over Redis (median)`);
    await stop(plain.child);
  });

  await check('a session that was ended at one gateway is ended at the other', async () => {
    const keys = secretFile('session.keys', `${Buffer.alloc(32, 7).toString('base64')}\n`);
    const session = `[session]\nenabled = true\nsecure = false\nkey_file = "${keys}"\nlogout_path = "/logout"\n`;
    const [left, right] = [
      await begin(folder, upstream, configuration(url, session)),
      await begin(folder, upstream, configuration(url, session)),
    ];
    const response = await fetch(`${left.url}/orders/1`, bearer(await fresh()));
    await response.text();
    assert.equal(response.status, 200);
    const cookie = response.headers.get('set-cookie').split(';')[0];
    const headers = { cookie };
    const goes = async (gateway) => {
      const answer = await fetch(`${gateway.url}/orders/1`, { headers });
      await answer.text();
      return answer.status;
    };
    assert.deepEqual([await goes(left), await goes(right)], [200, 200]);
    const out = await fetch(`${left.url}/logout`, { method: 'POST', headers });
    assert.equal(out.status, 204);
    const before = upstream.seen.length;
    assert.deepEqual([await goes(left), await goes(right)], [401, 401]);
    assert.equal(upstream.seen.length, before);
    await Promise.all([stop(left.child), stop(right.child)]);
  });

  await check('tokens are issued at one gateway, refreshed and revoked at the other, and refused at both', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = { ...await exportJWK(publicKey), kid: 'c1', alg: 'ES256' };
    writeFileSync(at('client.json'), JSON.stringify({ keys: [jwk] }));
    execFileSync(process.env.PORTCULLIS, ['keys', 'generate', '--directory', at('keys')]);
    const secret = secretFile('client.secret', 'a secret of the client');
    for (const form of ['jwt', 'opaque']) {
      const service = `[signing]\ndirectory = "${at('keys')}"
[token_service]\nenabled = true\nrefresh_tokens = true\naccess_token = "${form}"
[token_service.clients.erp]\njwks_file = "${at('client.json')}"\nscopes = ["orders"]
client_secret_file = "${secret}"\n`;
      const name = 'public_url = "https://api.example.com"';
      const text = `${service}[store]\ntimeout = "400ms"\n${url}\n`;
      const [left, right] = [
        await begin(folder, upstream, text, name), await begin(folder, upstream, text, name),
      ];
      const ask = async (gateway, endpoint, form, wanted = 200) => {
        const response = await fetch(`${gateway.url}/oauth/${endpoint}`, {
          method: 'POST', body: new URLSearchParams(form),
        });
        const answer = await response.text();
        assert.equal(response.status, wanted, answer);
        return answer ? JSON.parse(answer) : {};
      };
      const who = { client_id: 'erp', client_secret: 'a secret of the client' };
      const asserted = () => new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256', kid: 'c1' })
        .setIssuer('erp').setSubject('alice').setAudience('https://api.example.com/oauth/token').setIssuedAt()
        .setExpirationTime('4m').sign(privateKey);
      const assertion = await asserted();
      const first = await ask(left, 'token', { grant_type: GRANT, assertion });
      assert.equal((await ask(right, 'token', { grant_type: GRANT, assertion }, 400)).error, 'invalid_grant');
      await accepted(left, first.access_token);
      await accepted(right, first.access_token);
      const refresh = (token) => ({ grant_type: 'refresh_token', refresh_token: token, ...who });
      const second = await ask(right, 'token', refresh(first.refresh_token));
      await accepted(left, second.access_token);
      await ask(left, 'revoke', { token: first.access_token, ...who });
      await refused(right, first.access_token, 401, 'token_revoked');
      await accepted(right, second.access_token);
      // Whoever comes with a used one has a copy: nobody goes on.
      const reused = await ask(left, 'token', refresh(first.refresh_token), 400);
      assert.equal(reused.error, 'invalid_grant');
      await refused(right, second.access_token, 401, 'token_revoked');
      await ask(right, 'token', refresh(second.refresh_token), 400);
      // Of two at the same moment one goes on at most.
      const last = await ask(left, 'token', { grant_type: GRANT, assertion: await asserted() });
      const both = await Promise.all([left, right].map((gateway) => fetch(`${gateway.url}/oauth/token`, {
        method: 'POST', body: new URLSearchParams(refresh(last.refresh_token)),
      })));
      assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
      await Promise.all([stop(left.child), stop(right.child)]);
    }
  });

  const lax = await begin(folder, upstream, configuration(`${url}\n[store.on_failure]\nreplay = "allow"`));
  await check('the script of rate limits takes from all buckets or from none, and by the clock of the server', async () => {
    const script = readFileSync('../../src/store/redis/take.lua', 'utf8');
    const ask = async (...args) => (await server.command('EVAL', script, ...args)).split('\n').map(Number);
    const [minute, day] = ['60000000', '86400000000'];
    const both = await Promise.all(Array.from({ length: 12 }, () => ask('1', 'b1', 'take', minute, '5')));
    assert.equal(both.filter(([allowed]) => allowed === 1).length, 5);
    assert.deepEqual(both.filter(([allowed]) => allowed === 1).map(([, left]) => left).sort(), [0, 1, 2, 3, 4]);
    const [allowed, left, reset, retry] = await ask('1', 'b1', 'look', minute, '5');
    assert.deepEqual([allowed, left], [0, 0]);
    assert.ok(retry > 50e6 && retry <= 60e6 && reset > 290e6 && reset <= 300e6, `${retry} ${reset}`);
    const two = await ask('2', 'b2', 'b1', 'take', day, '2', minute, '5');
    assert.deepEqual([two[0], two[4]], [1, 0]);
    assert.equal(await server.command('EXISTS', 'b2'), '0', 'nothing is taken');
    assert.deepEqual((await ask('1', 'b2', 'take', day, '2')).slice(0, 2), [1, 1]);
    assert.ok(Number(await server.command('PTTL', 'b2')) > 86_000_000);
    assert.deepEqual((await ask('1', 'b3', 'take', '1', '1')).slice(0, 2), [1, 0]);
  });

  await check('without its server what needs the store is refused at once, and the rest goes on', async () => {
    const used = await fresh();
    await accepted(one, used);
    await kill(server.child);
    await parted(one);
    const before = upstream.seen.length;
    const refusals = 'store_failures_total{use="replay",decision="refuse"}';
    const earlier = await one.metric(refusals) ?? 0;
    const times = [];
    for (let number = 0; number < 50; number += 1) {
      const { answer, status, milliseconds } = await outcome(one, await fresh());
      assert.deepEqual([answer, status], ['store_unavailable', 503]);
      times.push(milliseconds);
    }
    assert.equal(upstream.seen.length, before, 'the upstream sees nothing');
    assert.ok(quickest(times, 0.5) < 200, `${quickest(times, 0.5)} ms: no time is spent on a server that is gone`);
    await withheld(one, used, 'store_unavailable');
    await accepted(one, undefined, '/public/1');
    const ready = await one.ready();
    assert.deepEqual([ready.status, ready.store], [200, false]);
    assert.equal(await one.metric(refusals), earlier + 51);
    assert.equal(await one.metric('store_open'), 0);
    assert.match((await one.status()).store.error, /127\.0\.0\.1:\d+ (closed the connection|cannot be reached)/);
  });

  await check('where the configuration says so, requests go on, and are counted and logged', async () => {
    await parted(lax);
    const token = await fresh();
    await accepted(lax, token);
    await accepted(lax, token);
    assert.equal(await lax.metric('store_failures_total{use="replay",decision="allow"}'), 2);
    assert.equal(await lax.metric('store_failures_total{use="replay",decision="refuse"}'), undefined);
    assert.match(lax.child.output, /allowed without an answer of the store/);
    await refused(lax, flipped(await fresh()), 401, 'signature_invalid');
  });

  await check('a gateway starts without its server, is not ready, and becomes so by itself', async () => {
    const early = await begin(folder, upstream, configuration(url));
    const ready = await early.ready();
    assert.deepEqual([ready.status, ready.store], [503, false]);
    assert.match(early.child.output, /the store cannot be used.*cannot be reached/);
    await withheld(early, await fresh(), 'store_unavailable');
    await server.begin();
    await until('it is ready', early.child, async () => (await early.ready()).status === 200);
    await accepted(early, await fresh());
    await Promise.all([one, other, lax].map(connected));
    await accepted(one, await fresh());
    await stop(early.child);
  });

  await check('killed and begun again under load, no token passes twice while it stands', async () => {
    let ending = false;
    const answers = [];
    const times = [];
    const clients = Array.from({ length: CLIENTS }, async (_, number) => {
      for (let count = 0; !ending; count += 1) {
        const gateway = (number + count) % 2 ? one : other;
        const { answer, milliseconds } = await outcome(gateway, await fresh());
        answers.push(answer);
        times.push(milliseconds);
      }
    });
    for (let round = 0; round < 3; round += 1) {
      await pause(400);
      await kill(server.child);
      await pause(300);
      await server.begin();
      await connected(one);
      await connected(other);
    }
    await pause(200);
    ending = true;
    await Promise.all(clients);
    const total = counted(answers);
    assert.deepEqual(Object.keys(total), ['passed', 'store_unavailable'], JSON.stringify(total));
    assert.ok(quickest(times, 0.999) < 3000, `${quickest(times, 0.999)} ms`);
    console.log(`        ${JSON.stringify(total)}; the slowest ${quickest(times, 0.999).toFixed(0)} ms`);
    await accepted(one, await fresh());
  });

  await check('frozen, it is refused within the time limit, and others are not slower', async () => {
    const before = upstream.seen.length;
    server.child.kill('SIGSTOP');
    const tokens = await Promise.all(Array.from({ length: CLIENTS }, () => fresh()));
    const hanging = Promise.all(tokens.map((token) => outcome(one, token)));
    const publics = [];
    for (let number = 0; number < 100; number += 1) {
      const { answer, milliseconds } = await outcome(one, undefined, '/public/1');
      assert.equal(answer, 'passed');
      publics.push(milliseconds);
    }
    for (const { answer, milliseconds } of await hanging) {
      assert.equal(answer, 'store_unavailable');
      assert.ok(milliseconds < 3000, `${milliseconds} ms`);
    }
    await parted(one);
    const { answer, milliseconds } = await outcome(one, await fresh());
    assert.equal(answer, 'store_unavailable');
    assert.ok(milliseconds < 300, `${milliseconds} ms: nobody waits for one that hangs`);
    assert.ok(quickest(publics, 0.5) < 300, `${quickest(publics, 0.9)} ms`);
    assert.equal(upstream.seen.length, before + 100);
    assert.match(one.child.output, /does not answer in time/);
    server.child.kill('SIGCONT');
    await connected(one);
    // What was asked before it froze may have been done when it woke: refused for good, never passed twice.
    for (const token of tokens) {
      assert.ok(['passed', 'token_replayed'].includes((await outcome(one, token)).answer));
      assert.equal((await outcome(other, token)).answer, 'token_replayed');
    }
  });

  await check('full, it refuses what is new, forgets nothing, and works again when there is room', async () => {
    const used = await fresh();
    await accepted(one, used);
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
    const before = upstream.seen.length;
    await withheld(one, await fresh(), 'overloaded');
    assert.equal(upstream.seen.length, before);
    await withheld(one, used, 'overloaded');
    assert.match(one.child.output, /refuses a command: OOM/);
    assert.equal(await one.metric('store_open'), 1);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await accepted(one, await fresh());
    await refused(one, used, 401, 'token_replayed');
  });

  await check('one that throws keys away is warned of', async () => {
    const small = await new Redis(redis, folder,
      ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru']).begin();
    const gateway = await begin(folder, upstream, configuration(`url = "redis://127.0.0.1:${small.port}"`));
    assert.match(gateway.child.output, /throws keys away.*noeviction/);
    assert.equal(await gateway.metric('store_evicts'), 1);
    assert.equal((await gateway.ready()).status, 200);
    await Promise.all([stop(gateway.child), stop(small.child)]);
  });

  await check('with appendfsync always nothing that was answered is lost by a kill', async () => {
    const kept = new Redis(redis, folder, ['--appendonly', 'yes', '--appendfsync', 'always']);
    await kept.begin();
    const gateway = await begin(folder, upstream, configuration(`url = "redis://127.0.0.1:${kept.port}"`));
    const passed = [];
    let ending = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!ending) {
        const token = await fresh();
        if ((await outcome(gateway, token)).answer === 'passed') passed.push(token);
      }
    });
    await until('some have passed', gateway.child, () => passed.length > 40);
    await kill(kept.child);
    ending = true;
    await Promise.all(clients);
    await kept.begin();
    await connected(gateway);
    assert.ok(passed.length > 40, `${passed.length}`);
    await each(passed, (token) =>
      outcome(gateway, token).then(({ answer }) => assert.equal(answer, 'token_replayed')));
    await Promise.all([stop(gateway.child), stop(kept.child)]);
  });

  /** A gateway with this store starts, is not ready, refuses, and says why. */
  const rejected = async (store, says) => {
    const gateway = await begin(folder, upstream, configuration(store));
    const ready = await gateway.ready();
    assert.deepEqual([ready.status, ready.store], [503, false]);
    assert.match(gateway.child.output, says);
    await withheld(gateway, await fresh(), 'store_unavailable');
    await accepted(gateway, undefined, '/public/1');
    assert.match((await gateway.status()).store.error, says);
    const lines = gateway.child.output.split('\n').filter((line) => line.includes('the store cannot be used'));
    assert.equal(lines.length, 1, 'the same trouble is told once');
    assert.ok(!gateway.child.output.includes(PASSWORD));
    await stop(gateway.child);
  };

  await check('a user with the rights that the documents name will do; a wrong password, or none, is said to be', async () => {
    const guarded = await new Redis(redis, folder, ['--requirepass', 'of the administrator']).begin();
    const rights = ['on', `>${PASSWORD}`, '~portcullis:*', '-@all', '+ping', '+select', '+info', '+set', '+get',
      '+exists', '+del', '+eval'];
    await guarded.command('-a', 'of the administrator', '--no-auth-warning', 'ACL', 'SETUSER', 'portcullis', ...rights);
    const place = `url = "redis://127.0.0.1:${guarded.port}/1"`;
    const file = secretFile('redis.password', `${PASSWORD}\n`);
    const gateway = await begin(folder, upstream,
      configuration(`${place}\nusername = "portcullis"\npassword_file = "${file}"`));
    assert.equal((await gateway.ready()).status, 200, gateway.child.output);
    const token = await fresh();
    await accepted(gateway, token);
    await refused(gateway, token, 401, 'token_replayed');
    assert.ok(!gateway.child.output.includes(PASSWORD));
    await stop(gateway.child);
    await rejected(place, /asks for a password: set \\?"password_file/);
    const wrong = secretFile('wrong.password', 'another password');
    await rejected(`${place}\npassword_file = "${wrong}"`, /refuses the user or the password/);
    await stop(guarded.child);
  });

  await check('TLS with an own authority, and a certificate of the gateway', async () => {
    const tls = await certificates(folder, 'redis');
    const safe = await new Redis(redis, folder, ['--tls-cert-file', tls.cert, '--tls-key-file', tls.key,
      '--tls-ca-cert-file', tls.ca, '--tls-auth-clients', 'yes']).begin({ tls: true });
    const place = `url = "rediss://127.0.0.1:${safe.port}"\nca_file = "${tls.ca}"`;
    chmodSync(tls.key, 0o600);
    const own = `client_certificate_file = "${tls.cert}"\nclient_private_key_file = "${tls.key}"`;
    const gateway = await begin(folder, upstream, configuration(`${place}\n${own}`));
    assert.equal((await gateway.ready()).status, 200, gateway.child.output);
    const token = await fresh();
    await accepted(gateway, token);
    await refused(gateway, token, 401, 'token_replayed');
    await stop(gateway.child);
    await rejected(`${place}\n${own}\nserver_name = "other.example"`, /cannot be reached: .*certificate/);
    await rejected(`url = "rediss://127.0.0.1:${safe.port}"\n${own}`, /cannot be reached: .*certificate/);
    await rejected(place, /closed the connection/);
    await rejected(`url = "redis://127.0.0.1:${safe.port}"`, /closed the connection|NotRedis|protocol of Redis/);
    await stop(safe.child);
  });

  await check('what is no primary of its own is refused in words of its own', async () => {
    const replica = await new Redis(redis, folder, ['--replicaof', '127.0.0.1', `${server.port}`]).begin();
    await rejected(`url = "redis://127.0.0.1:${replica.port}"`, /is a replica/);
    await stop(replica.child);
    const cluster = await new Redis(redis, folder, ['--cluster-enabled', 'yes']).begin();
    await rejected(`url = "redis://127.0.0.1:${cluster.port}"`, /is part of a cluster/);
    await stop(cluster.child);
    const web = http.createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    await once(web, 'listening');
    await rejected(`url = "redis://127.0.0.1:${web.address().port}"`, /does not speak the protocol of Redis/);
    web.close();
    await rejected(`url = "redis://127.0.0.1:${server.port}/99"`, /has no database 99/);
    await rejected(`url = "redis://127.0.0.1:${await freePort()}"`, /cannot be reached: .*refused/);
  });

  await check('sentinels lead to the primary, and to the next one when it is gone', async () => {
    const [primary, replica] = [new Redis(redis, folder), new Redis(redis, folder)];
    await primary.begin();
    replica.options = ['--replicaof', '127.0.0.1', `${primary.port}`];
    await replica.begin();
    const port = await freePort();
    const file = at('sentinel.conf');
    writeFileSync(file, `sentinel monitor orders 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds orders 500\nsentinel failover-timeout orders 3000\ndir ${folder}\n`);
    const sentinel = await new Redis(redis, folder, [], port).begin({ sentinel: file });
    const place = `url = ["redis://127.0.0.1:${await freePort()}", "redis://127.0.0.1:${port}"]`;
    await rejected(`${place}\nmaster = "other"`, /knows no master/);
    await rejected(`url = "redis://127.0.0.1:${port}"`, /is a sentinel: set/);
    const gateway = await begin(folder, upstream, configuration(`${place}\nmaster = "orders"`));
    assert.equal((await gateway.ready()).status, 200, gateway.child.output);
    const token = await fresh();
    await accepted(gateway, token);
    await until('the sentinel knows the replica', sentinel.child, async () =>
      (await sentinel.command('SENTINEL', 'REPLICAS', 'orders')).includes(`${replica.port}`));
    await until('the replica has it', replica.child, async () => Number(await replica.command('DBSIZE')) === 1);
    await kill(primary.child);
    await parted(gateway);
    await withheld(gateway, await fresh(), 'store_unavailable');
    await connected(gateway);
    await refused(gateway, token, 401, 'token_replayed');
    await accepted(gateway, await fresh());
    await Promise.all([stop(gateway.child), stop(sentinel.child), stop(replica.child)]);
  });
});
