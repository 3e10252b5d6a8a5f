// One terminal for each page: a folder, ports of its own, and variables that outlive a block.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, scratch, start, stop, until } from '../harness.mjs';

const here = import.meta.dirname;
const ADDRESS = /\b(127\.0\.0\.1|0\.0\.0\.0|localhost):(\d{2,5})\b/g;
const LIMIT = 30_000;

export class Terminal {
  constructor() {
    const base = scratch();
    this.folder = path.join(base, 'page');
    this.home = path.join(base, 'home');
    this.state = path.join(base, 'state');
    const bin = path.join(base, 'bin');
    for (const folder of [this.folder, this.home, bin]) mkdirSync(folder);
    symlinkSync(process.env.PORTCULLIS, path.join(bin, 'portcullis'));
    this.env = { PATH: `${bin}:${process.env.PATH}`, HOME: this.home, TERM: 'dumb', LC_ALL: 'C.UTF-8', ROOT: path.resolve(here, '../../..') };
    this.ports = new Map();
    this.maps = [];
    this.children = [];
  }

  /** Has what the page calls `from` stand for `to`. */
  map(from, to) {
    this.maps.push([from, to]);
  }

  /** `text` with the page's names and ports replaced by those of this run. */
  async here(text) {
    const named = this.maps.reduce((text, [from, to]) => text.replaceAll(from, to), text);
    const own = new Set(this.ports.values());
    for (const [, , port] of named.matchAll(ADDRESS)) {
      if (!own.has(Number(port)) && !this.ports.has(port)) this.ports.set(port, await freePort());
    }
    return named.replace(ADDRESS, (_, host, port) => `${host}:${this.ports.get(port) ?? port}`);
  }

  /** `text` of this run with the page's ports. */
  back(text) {
    return [...this.ports].reduce((text, [shown, own]) =>
      text.replaceAll(new RegExp(`\\b${own}\\b`, 'g'), shown), text);
  }

  write(name, text) {
    writeFileSync(path.join(this.folder, name), text);
  }

  /** Runs `script` with bash: `{ code, output }`. `strict`: curl fails where a server says no. */
  run(script, { strict = false } = {}) {
    writeFileSync(path.join(this.home, '.curlrc'), `silent\nshow-error\n${strict ? 'fail-with-body\n' : ''}`);
    const { status, stdout, error } = spawnSync('bash', ['-c', `exec 2>&1\n${this.preamble()}\n${script}`], {
      cwd: this.folder, env: this.env, encoding: 'utf8', timeout: LIMIT, input: '',
    });
    if (error) throw error;
    return { code: status, output: this.back(stdout) };
  }

  /** Starts the last line of `script` as a process that ends with the page, and waits for `url`. */
  async background(script, url) {
    // Files that came with the page have its ports still.
    for (const name of readdirSync(this.folder).filter((name) => name.endsWith('.toml'))) {
      this.write(name, await this.here(readFileSync(path.join(this.folder, name), 'utf8')));
    }
    const lines = script.trim().replace(/\\\n */g, '').split('\n');
    const last = `exec ${lines.pop()}`;
    const child = start('bash', ['-c', [this.preamble(), ...lines, last].join('\n')], {
      cwd: this.folder, env: this.env,
    });
    this.children.push(child);
    await until(`${url} answers`, child, async () => (await fetch(url)).ok);
  }

  /** Brings about what the page takes for given: a script in given/. */
  async given(name) {
    const file = path.join(here, 'given', `${name}.sh`);
    if (!existsSync(file)) throw new Error(`nothing is known that is "given ${name}" (tests/real/snippets/given)`);
    const script = await this.here(readFileSync(file, 'utf8'));
    const url = script.match(/^# background until (\S+)$/m)?.[1];
    if (url) return this.background(script, url);
    const { code, output } = this.run(script);
    if (code !== 0) throw new Error(`given ${name} ends with ${code}:\n${output}`);
    return undefined;
  }

  async close() {
    for (const child of this.children) await stop(child);
  }

  /** Variables go on from block to block, and so does the folder. */
  preamble() {
    const before = existsSync(this.state) ? `. '${this.state}'\ncd "$PWD"\n` : '';
    return `${before}set -ea\ntrap 'export -p > "${this.state}"' EXIT`;
  }
}
