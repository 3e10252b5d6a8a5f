// What deploy/ and the Dockerfile say, each against something that knows: systemd's own analysis, its sandbox
// around the built program, a linter for Dockerfiles, and `portcullis check`.

import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { assert, check, complete, freePort, scenario, scratch, start, until } from './harness.mjs';
import { program, run } from './debian.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PROGRAM = process.env.PORTCULLIS;
/** The worst that `systemd-analyze security` may say, in tenths: 0 is a locked room, 100 an open one. */
const EXPOSURE = 12;

const read = (...parts) => readFileSync(path.join(ROOT, ...parts), 'utf8');
/** Every value of a key of a unit. */
const values = (unit, key) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((found) => found[1]);

await scenario(async () => {
  const folder = scratch();
  await systemd(folder);
  await dockerfile(folder);
});

async function systemd(folder) {
  const analyze = await program(folder, 'systemd-analyze', 'systemd');
  const unit = read('deploy/systemd/portcullis.service');
  const socket = read('deploy/systemd/portcullis.socket');
  const ask = (args) => complete(analyze.file, ['--no-pager', ...args], { env: analyze.env });

  /** The units as they are, but with the program where it is, in a folder of their own. */
  const place = (name, service) => {
    const own = path.join(folder, name);
    mkdirSync(own);
    writeFileSync(path.join(own, 'portcullis.service'), service.replaceAll('/usr/local/bin/portcullis', PROGRAM));
    writeFileSync(path.join(own, 'portcullis.socket'), socket);
    return own;
  };
  const verify = (own) => ask(['verify', '--man=no',
    path.join(own, 'portcullis.service'), path.join(own, 'portcullis.socket')]);

  const good = place('good', unit);
  await check('systemd understands the units', async () => {
    const { code, output } = await verify(good);
    assert.equal(output, '');
    assert.equal(code, 0);
  });
  for (const [name, from, to] of [
    ['an unknown key', 'NoNewPrivileges=', 'NoNewPriviliges='],
    ['an unknown value', 'ProtectSystem=strict', 'ProtectSystem=stirct'],
    ['an unknown system call', '~@privileged', '~@priviledged'],
    ['a program that is not there', PROGRAM, '/nowhere/portcullis'],
  ]) {
    await check(`systemd tells of ${name}`, async () => {
      const changed = unit.replaceAll('/usr/local/bin/portcullis', PROGRAM).replaceAll(from, to);
      assert.notEqual(changed, unit.replaceAll('/usr/local/bin/portcullis', PROGRAM));
      const { output } = await verify(place(name.replaceAll(' ', '-'), changed));
      assert.notEqual(output, '', 'it says nothing');
    });
  }

  const security = (own) => ask(['security', '--offline=true', `--threshold=${EXPOSURE}`,
    path.join(own, 'portcullis.service')]);
  await check(`the unit's exposure is ${EXPOSURE / 10} at most`, async () => {
    const { code, output } = await security(good);
    const overall = output.trim().split('\n').at(-1);
    console.log(`        ${overall}`);
    assert.equal(code, 0, overall);
  });
  await check('a unit without its walls is more exposed', async () => {
    const bare = unit.replace(/^(CapabilityBoundingSet|SystemCallFilter|Protect\w+|Private\w+)=.*\n/gm, '');
    const { code } = await security(place('bare', bare));
    assert.notEqual(code, 0);
  });
  await check('a drain has the time that it takes', () => {
    const drain = /drain_timeout = "(\d+)s"/.exec(read('config/full.toml'))[1];
    assert.ok(Number(values(unit, 'TimeoutStopSec')[0]) > Number(drain));
  });
  await sandbox(analyze, folder, unit, path.join(good, 'portcullis.service'));
}

/** The program as the unit starts it, under what the unit forbids. */
async function sandbox(analyze, folder, unit, file) {
  const own = path.join(folder, 'etc');
  const [port, admin] = [await freePort(), await freePort()];
  mkdirSync(path.join(own, 'credentials'), { recursive: true });
  writeFileSync(path.join(own, 'credentials/admin.token'), 'a-secret-of-the-test-long-enough\n');
  const config = path.join(own, 'portcullis.toml');
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const text = `
key_cache_dir = "${own}/state"
[server]
listen = "127.0.0.1:${port}"
[admin]
listen = "0.0.0.0:${admin}"
token_file = "\${CREDENTIALS_DIRECTORY}/admin.token"
[upstream]
url = "http://127.0.0.1:9"
[issuers."https://idp.example.com"]
jwks = { keys = [{ kty = "EC", crv = "P-256", x = "${x}", y = "${y}" }] }
audiences = ["https://api.example.com"]
`;
  writeFileSync(config, text);
  mkdirSync(path.join(own, 'state'), { mode: 0o700 });
  const walls = (command) => [path.join(import.meta.dirname, 'sandbox.py'), analyze.file, file, ...command];
  const env = { ...analyze.env, CREDENTIALS_DIRECTORY: path.join(own, 'credentials') };
  const command = (key) => values(readFileSync(file, 'utf8'), key)[0]
    .replaceAll('/etc/portcullis/portcullis.toml', config).split(' ');

  await check('the unit checks the configuration under its own walls', async () => {
    const { code, output } = await complete(process.env.PYTHON, walls(command('ExecStartPre')), { env });
    assert.equal(code, 0, output);
  });
  await check('what the walls forbid ends a program', async () => {
    // A call that @system-service does not have, a family that is not listed, memory to write and execute.
    for (const forbidden of [
      'import ctypes; ctypes.CDLL(None).chroot(b"/")',
      'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)',
      'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)',
    ]) {
      const { output } = await complete('/bin/sh', ['-c', '"$@"; echo "ended with $?"', 'sh',
        process.env.PYTHON, ...walls([process.env.PYTHON, '-c', forbidden])], { env });
      assert.match(output, /ended with 159$/m, `${forbidden}: ${output}`);
    }
  });

  const told = path.join(folder, 'notify');
  const listener = start(process.env.PYTHON, [path.join(import.meta.dirname, 'notified.py'), told]);
  await until('somebody listens to what systemd is told', listener, () => existsSync(told));
  const gateway = start(process.env.PYTHON, walls(command('ExecStart')), { env: { ...env, NOTIFY_SOCKET: told } });
  await until('the gateway is alive under the walls', gateway, async () =>
    (await fetch(`http://127.0.0.1:${admin}/livez`)).ok);
  await check('the unit waits for word from the program if there is any, and only then', async () => {
    const ready = () => listener.output.includes('READY=1');
    if (values(unit, 'Type')[0] === 'notify') await until('it says that it is ready', gateway, ready);
    else assert.ok(!ready(), 'it says that it is ready: Type=notify could wait for that');
  });
  const secret = 'Bearer a-secret-of-the-test-long-enough';
  const status = (authorization) => fetch(`http://127.0.0.1:${admin}/status`, { headers: { authorization } });
  await check('it serves under the walls, with its secret from the credentials', async () => {
    const refused = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(refused.status, 401);
    assert.equal((await refused.json()).code, 'token_missing');
    assert.equal((await status(secret)).status, 200);
    assert.equal((await status('Bearer another')).status, 401);
  });
  await check('ExecReload takes a new configuration under the walls', async () => {
    const [reload] = values(unit, 'ExecReload');
    assert.equal(reload, '/bin/kill -HUP $MAINPID');
    writeFileSync(config, `${text}\n[[routes]]\npath = "/open/{*rest}"\naccess = "public"\n`);
    gateway.kill('SIGHUP');
    // Nobody is there: the route is taken, its upstream is not.
    await until('the new route counts', gateway, async () =>
      (await fetch(`http://127.0.0.1:${port}/open/x`)).status === 502);
  });
  await check('SIGTERM is a clean end', async () => {
    const ended = new Promise((resolve) => gateway.once('exit', (code, signal) => resolve([code, signal])));
    gateway.kill(values(unit, 'KillSignal')[0]);
    assert.deepEqual(await ended, [0, null], gateway.output);
  });
}

async function dockerfile(folder) {
  const text = read('Dockerfile');
  const lint = path.join(path.dirname(process.env.PYTHON), 'hadolint');
  const linted = async (changed) => {
    const file = path.join(folder, 'Dockerfile');
    writeFileSync(file, changed);
    return complete(lint, ['--no-color', file]);
  };
  await check('the Dockerfile passes its linter', async () => {
    const { code, output } = await linted(text);
    assert.equal(code, 0, output);
  });
  await check('the linter tells of what is wrong', async () => {
    for (const [from, to] of [['FROM scratch', 'FROM debian:latest'], ['WORKDIR /src', 'WORKDIR src'], ['COPY src', 'COPPY src']]) {
      assert.ok(text.includes(from));
      assert.notEqual((await linted(text.replace(from, to))).code, 0, to);
    }
  });

  const words = (name) => [...text.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map((found) => found[1]);
  await check('the image has the user, the paths and the files that scripts/rootfs makes', async () => {
    const rootfs = path.join(folder, 'rootfs');
    await run(path.join(ROOT, 'scripts/rootfs'), [PROGRAM, rootfs]);
    const [user] = words('USER');
    const [, uid, gid] = /:x:(\d+):(\d+):/.exec(readFileSync(path.join(rootfs, 'etc/passwd'), 'utf8'));
    assert.equal(user, `${uid}:${gid}`);
    assert.notEqual(uid, '0');
    const [entry] = JSON.parse(words('ENTRYPOINT')[0]);
    for (const one of [entry, words('WORKDIR').at(-1), '/tmp', '/etc/ssl/certs/ca-certificates.crt']) {
      assert.ok(existsSync(path.join(rootfs, one)), one);
    }
    for (const one of ['bin/sh', 'bin/bash', 'usr/bin/sh', 'bin/busybox']) {
      assert.ok(!existsSync(path.join(rootfs, one)), one);
    }
    const spec = readFileSync(path.join(ROOT, 'deploy/kubernetes/deployment.yaml'), 'utf8');
    assert.match(spec, new RegExp(`runAsUser: ${uid}\\n\\s+runAsGroup: ${gid}\\n`));
  });
  await check('what the build copies is let in, and is enough for cargo', async () => {
    const build = path.join(folder, 'build');
    mkdirSync(build);
    const let_in = read('.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    for (const copy of words('COPY').filter((line) => !line.startsWith('--from'))) {
      const names = copy.split(' ');
      const to = names.pop();
      for (const name of names) {
        assert.ok(let_in.includes(name), name);
        const target = to === './' ? path.basename(name) : to;
        cpSync(path.join(ROOT, name), path.join(build, target), { recursive: true });
      }
    }
    const [, made] = /^RUN ((?:.*\\\n)*?)\s*&& cargo/m.exec(text);
    await run('/bin/sh', ['-ec', made.replaceAll('\\\n', ' ')], { cwd: build });
    const metadata = await run('cargo', ['metadata', '--locked', '--offline', '--no-deps', '--format-version', '1'],
      { cwd: build });
    assert.match(metadata, /"name":"portcullis"/);
  });
}
