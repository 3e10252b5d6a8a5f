// nginx from Debian's package, unpacked into a folder of the test: nothing is installed on the machine.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unpack } from './debian.mjs';
import { freePort, start, until } from './harness.mjs';

/** Downloads and unpacks nginx and the libraries that it needs. Fails when that cannot be done. */
export async function install(folder) {
  const { file: program, env } = await unpack(folder, 'nginx', 'nginx');
  return { program, env };
}

/** A server of one process that answers everything with 200 and logs every target. `again` starts it once more. */
export async function startNginx(nginx, folder, name) {
  const home = path.join(folder, name);
  mkdirSync(home);
  const port = await freePort();
  writeFileSync(path.join(home, 'nginx.conf'), `
daemon off;
master_process off;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events {}
http {
  log_format targets '$request_method $request_uri';
  access_log ${home}/access.log targets;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) =>
    `${kind}_temp_path ${home}/${kind};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / { return 200 "${name}"; }
  }
}
`);
  const server = { url: `http://127.0.0.1:${port}`, name };
  server.again = async () => {
    const args = ['-p', home, '-e', path.join(home, 'error.log'), '-c', path.join(home, 'nginx.conf')];
    server.child = start(nginx.program, args, { env: nginx.env });
    await until('nginx has started', server.child, async () => (await fetch(`${server.url}/up`)).ok);
  };
  /** What reached it, in all its lives: "METHOD TARGET". */
  server.log = () => readFileSync(path.join(home, 'access.log'), 'utf8').split('\n').filter(Boolean);
  await server.again();
  return server;
}
