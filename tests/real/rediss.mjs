// Redis servers of Debian's package, each on a port of its own, and gateways that share one.

import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { unpack } from './debian.mjs';
import { complete, freePort, start, until } from './harness.mjs';

/** Where the programs are. Fails when they cannot be had. */
export async function install(folder) {
  const places = (process.env.PATH ?? '').split(':').map((place) => path.join(place, 'redis-server'));
  const installed = places.find((file) => existsSync(file));
  if (installed) return { file: installed, env: process.env };
  const { file, env } = await unpack(folder, 'redis-check-rdb', 'redis-tools');
  // One program under several names.
  const server = path.join(path.dirname(file), 'redis-server');
  if (!existsSync(server)) symlinkSync(file, server);
  return { file: server, env };
}

/** A server. `again` starts one on the same port, with the same folder, after it was killed. */
export class Redis {
  constructor(redis, folder, options = [], port = undefined) {
    this.redis = redis;
    this.home = path.join(folder, `redis-${Math.random().toString(36).slice(2)}`);
    mkdirSync(this.home);
    Object.assign(this, { options, port });
  }

  /** `tls`: the port is one with TLS. `sentinel`: a file that makes it one. */
  async begin({ tls = false, sentinel } = {}) {
    this.port ??= await freePort();
    const ports = tls ? ['--port', '0', '--tls-port', `${this.port}`] : ['--port', `${this.port}`];
    const own = sentinel ? [sentinel, '--sentinel'] : ['--save', '', '--appendonly', 'no', '--dir', this.home];
    const args = [...own, '--bind', '127.0.0.1', ...ports, ...this.options];
    this.child = start(this.redis.file, args, { env: this.redis.env });
    await until('Redis has started', this.child, () => answers(this.port));
    return this;
  }

  /** What redis-cli prints for this command. */
  async command(...args) {
    const cli = path.join(path.dirname(this.redis.file), 'redis-cli');
    const { output } = await complete(cli, ['-p', `${this.port}`, ...args], { env: this.redis.env });
    return output.trim();
  }
}

/** Whether somebody listens there. */
export function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

/** A gateway of a folder of its own, of which nobody waits that it is ready. */
export async function begin(folder, upstream, configuration, server = '') {
  const home = path.join(folder, `gateway-${Math.random().toString(36).slice(2)}`);
  mkdirSync(home);
  const [port, admin] = [await freePort(), await freePort()];
  const file = path.join(home, 'portcullis.toml');
  writeFileSync(file, `
[server]
listen = "127.0.0.1:${port}"
workers = 2
${server}
[admin]
listen = "127.0.0.1:${admin}"
[upstream]
url = "${upstream.url}"
[[routes]]
path = "/public/{*rest}"
access = "public"
[[routes]]
path = "/{*rest}"
${configuration}`);
  const child = start(process.env.PORTCULLIS, ['run', '-c', file]);
  const adminUrl = `http://127.0.0.1:${admin}`;
  await until('the gateway lives', child, async () => (await fetch(`${adminUrl}/livez`)).ok);
  const status = async () => (await fetch(`${adminUrl}/status`)).json();
  const ready = async () => {
    const response = await fetch(`${adminUrl}/readyz`);
    return { status: response.status, ...await response.json() };
  };
  const metric = async (name) => {
    const text = await (await fetch(`${adminUrl}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`portcullis_${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { url: `http://127.0.0.1:${port}`, adminUrl, child, upstream, status, ready, metric };
}
