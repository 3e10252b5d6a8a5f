// Programs of Debian's packages: the machine's own, or unpacked into a folder of the test. Nothing is
// installed on the machine, and no service begins.

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { assert, complete } from './harness.mjs';

/** Runs a command that must succeed; what it printed. */
export async function run(command, args, options) {
  const { code, output } = await complete(command, args, options);
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${output}`);
  return output;
}

/** Where `name` of the package `debian` is, and the environment to run it in. Fails when it cannot be had. */
export async function program(folder, name, debian) {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  const installed = places.map((place) => path.join(place, name)).find((file) => existsSync(file));
  if (installed) return { file: installed, env: process.env };
  return unpack(folder, name, debian);
}

/** The same, unpacked whatever the machine has; `root` is where its files are. */
export async function unpack(folder, name, debian) {
  const home = path.join(folder, debian);
  mkdirSync(home);
  let shown = await complete('apt-cache', ['show', '--no-all-versions', debian]);
  if (shown.code !== 0) {
    await run('apt-get', ['update', '-q']);
    shown = await complete('apt-cache', ['show', '--no-all-versions', debian]);
  }
  // The libraries that it names, and those that stand in the package that it is a part of.
  const depends = /^Depends: (.*)$/m.exec(shown.output)?.[1] ?? '';
  const libraries = depends.split(/[,|]/).map((one) => one.trim().split(/[ :]/)[0])
    .filter((one) => /^(lib|zlib)/.test(one) && !/-perl$/.test(one) && !/^lib(c6|crypt1|gcc|perl)/.test(one));
  await run('apt-get', ['download', '-q', debian, ...libraries], { cwd: home });
  for (const file of readdirSync(home).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg', ['-x', file, 'root'], { cwd: home });
  }
  const root = path.join(home, 'root');
  const triplet = (await run('gcc', ['-print-multiarch'])).trim();
  const places = ['usr/sbin', 'usr/bin', 'bin', 'sbin'].map((place) => path.join(root, place, name));
  const file = places.find((one) => existsSync(one));
  assert.ok(file, `${debian} holds ${name}`);
  const folders = ['usr/lib', 'lib'].flatMap((lib) =>
    [path.join(root, lib, triplet), path.join(root, lib, triplet, 'systemd')]);
  return { file, root, env: { ...process.env, LD_LIBRARY_PATH: folders.join(':') } };
}
