// HTTP/1.1 as nobody should write it, from a client that writes bytes: what the built program answers, what an
// upstream that reads strictly saw of it, what nginx makes of the same, and what HAProxy would have done.

import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { assert, check, complete, count, freePort, scenario, scratch, start, until } from './harness.mjs';
import { program } from './debian.mjs';

const HERE = path.join(import.meta.dirname, 'http1');
const CORPUS = path.join(HERE, 'corpus.json');
const cases = JSON.parse(readFileSync(CORPUS, 'utf8'));

const text = (template, prefix, number) => template.replaceAll('{id}', prefix + String(number).padStart(3, '0'));

await scenario(async () => {
  const folder = scratch();
  const recorder = start(process.env.PYTHON, [path.join(HERE, 'recorder.py')]);
  const upstream = Number(await until('the recorder listens', recorder, () => /^(\d+)\n/.exec(recorder.output)?.[1]));
  const ours = await behindGateway(folder, recorder, upstream);
  const nginx = await beforeNginx(folder);
  await besideHaproxy(folder, nginx, ours);
});

/** Sends the corpus; the answer to each case, by its number. */
async function send(port, prefix) {
  const client = path.join(HERE, 'client.py');
  const { code, output } = await complete(process.env.PYTHON, [client, `127.0.0.1:${port}`, CORPUS, prefix]);
  assert.equal(code, 0, output);
  return output.trim().split('\n').map((line) => JSON.parse(line));
}

/** What the recorder has told so far of the requests whose path has this prefix, by the case's number. */
function recorded(recorder, prefix) {
  const told = recorder.output.split('\n').slice(1).filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const seen = cases.map(() => []);
  for (const one of told.filter(({ seen }) => seen)) {
    const found = new RegExp(`${prefix}(\\d{3})`).exec(one.seen);
    if (found) seen[Number(found[1])].push(one);
  }
  return { seen, wrong: told.filter(({ wrong }) => wrong) };
}

async function gateway(folder, name, upstream) {
  const [port, admin] = [await freePort(), await freePort()];
  const own = path.join(folder, name);
  mkdirSync(own);
  const file = path.join(own, 'portcullis.toml');
  writeFileSync(file, `
[server]
listen = "127.0.0.1:${port}"
workers = 1
[admin]
listen = "127.0.0.1:${admin}"
[upstream]
url = "http://127.0.0.1:${upstream}"
[[routes]]
path = "/{*rest}"
access = "public"
[issuers."https://idp.example.com"]
jwks_uri = "http://127.0.0.1:9/"
audiences = ["https://api.example.com"]
`);
  const child = start(process.env.PORTCULLIS, ['run', '-c', file]);
  await until('the gateway is alive', child, async () => (await fetch(`http://127.0.0.1:${admin}/livez`)).ok);
  return { port, child };
}

/** Each case against what it must be answered with, and what may be seen of it. */
async function behindGateway(folder, recorder, upstream) {
  const { port, child } = await gateway(folder, 'strict', upstream);
  const prefix = 'p';
  const answers = await send(port, prefix);
  const { seen, wrong } = recorded(recorder, prefix);
  await check('whatever was sent, the upstream saw nothing but clean requests', () => {
    assert.deepEqual(wrong, []);
    assert.doesNotMatch(recorder.output, /Traceback/);
  });
  for (const [number, one] of cases.entries()) {
    await check(one.name.replace(/[^ -~]/g, '?'), () => {
      const { statuses, end } = answers[number];
      assert.deepEqual(statuses, one.statuses);
      assert.notEqual(end, 'open', 'nothing more is read');
      assert.deepEqual(seen[number].map((request) => request.seen),
        one.seen.map((request) => text(request, prefix, number)));
      for (const { identity } of seen[number]) assert.deepEqual(identity, []);
    });
  }
  count('the gateway is still there', !child.ended);
  return answers;
}

/** The same in front of nginx: it understood every request that it got, and got as many as were let through. */
async function beforeNginx(folder) {
  const nginx = await program(folder, 'nginx', 'nginx');
  const [port, sink] = [await freePort(), await freePort()];
  const home = path.join(folder, 'nginx-home');
  mkdirSync(home);
  const file = path.join(home, 'nginx.conf');
  writeFileSync(file, `
daemon off; master_process off; pid ${home}/pid; error_log stderr info;
events { worker_connections 512; }
http {
  log_format seen '$status $request_method $request_uri';
  access_log ${home}/access.log seen;
  client_body_temp_path ${home}; proxy_temp_path ${home}; fastcgi_temp_path ${home};
  uwsgi_temp_path ${home}; scgi_temp_path ${home};
  server {
    listen 127.0.0.1:${port};
    # It is passed on when all of it is there.
    location / { proxy_pass http://127.0.0.1:${sink}; }
  }
  server { listen 127.0.0.1:${sink}; access_log off; return 200 "ok"; }
}`);
  const server = start(nginx.file, ['-p', home, '-c', file, '-e', 'stderr'], { env: nginx.env });
  await until('nginx is there', server, async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok);
  const { port: front } = await gateway(folder, 'nginx-front', port);
  const answers = await send(front, 'n');
  await check('nginx answers what is let through, and nothing else', async () => {
    for (const [number, one] of cases.entries()) {
      assert.deepEqual(answers[number].statuses, one.statuses, one.name);
    }
    const wanted = cases.flatMap((one, number) => one.seen.map((request) =>
      text(request, 'n', number).split(' ').slice(0, 2).join(' '))).sort();
    // A body that breaks off after its beginning went out is seen as that: not as 200.
    const lines = () => readFileSync(path.join(home, 'access.log'), 'utf8').trim().split('\n')
      .map((line) => line.split(' ')).filter(([status, , target]) => status === '200' && target !== '/ready');
    await until('nginx has written its log', server, () => lines().length >= wanted.length);
    assert.deepEqual(lines().map(([, method, target]) => `${method} ${target}`).sort(), wanted);
    assert.doesNotMatch(server.output, /client sent/, 'it was sent something that it could not read');
  });
  return port;
}

/** Where the gateway lets through what HAProxy refuses, there is a reason in the corpus. */
async function besideHaproxy(folder, upstream, ours) {
  const haproxy = await program(folder, 'haproxy', 'haproxy');
  const port = await freePort();
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(file, `
global
  maxconn 512
defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
  timeout http-request 2s
  timeout http-keep-alive 1s
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  server nginx 127.0.0.1:${upstream}
`);
  const child = start(haproxy.file, ['-db', '-f', file], { env: haproxy.env });
  await until('HAProxy is there', child, async () => (await fetch(`http://127.0.0.1:${port}/`)).ok);
  const theirs = await send(port, 'h');
  const passes = (statuses) => statuses.filter((status) => status === 200).length;
  let stricter = 0;
  for (const [number, one] of cases.entries()) {
    const [mine, other] = [passes(ours[number].statuses), passes(theirs[number].statuses)];
    if (mine < other) stricter += 1;
    if (mine > other) {
      await check(`laxer than HAProxy (${theirs[number].statuses}): ${one.name}`, () => assert.ok(one.laxer, 'why?'));
      console.log(`        ${one.laxer}`);
    }
  }
  console.log(`        stricter than HAProxy in ${stricter} of ${cases.length} cases`);
  await check('HAProxy lets plain requests through', () => assert.deepEqual(theirs[0].statuses, [200]));
}
