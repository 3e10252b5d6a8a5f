// Chromium from Debian's package, unpacked and kept among the tools: nothing is installed on the machine.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './debian.mjs';
import { assert } from './harness.mjs';

// Fonts too, so that the pictures look the same wherever they are taken.
const PACKAGES = ['chromium', 'fonts-inter', 'fonts-dejavu-core'];
const TOOLS = process.env.TOOLS ?? path.resolve('../../target/tools');

/** What apt would install now for these packages: those, and what they need and the machine has not. */
async function missing() {
  const simulated = ['-s', '-o', 'Debug::NoLocking=1', 'install', '--reinstall', '--no-install-recommends', ...PACKAGES];
  const told = await run('apt-get', simulated).catch(async () => {
    await run('apt-get', ['update', '-q']);
    return run('apt-get', simulated);
  });
  return [...told.matchAll(/^Inst (\S+) .*?\(?([^\s(]+) /gm)].map(([, name]) => name);
}

/** Downloads and unpacks it where it is found again. Fails when that cannot be done. */
async function unpacked() {
  const home = path.join(TOOLS, 'chromium');
  if (existsSync(path.join(home, 'usr/lib/chromium/chromium'))) return home;
  mkdirSync(TOOLS, { recursive: true });
  const work = mkdtempSync(path.join(TOOLS, 'chromium-'));
  try {
    await run('apt-get', ['download', '-q', ...await missing()], { cwd: work, timeout: 200_000 });
    for (const file of readdirSync(work).filter((one) => one.endsWith('.deb'))) {
      await run('dpkg', ['-x', file, 'root'], { cwd: work });
    }
    const program = path.join(work, 'root/usr/lib/chromium/chromium');
    assert.ok(existsSync(program), 'chromium holds the program');
    rmSync(home, { recursive: true, force: true });
    renameSync(path.join(work, 'root'), home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return home;
}

/** Where the program is, and the environment to run it in; `folder` holds what it writes. */
export async function install(folder) {
  const root = await unpacked();
  const triplet = (await run('gcc', ['-print-multiarch'])).trim();
  const libraries = ['usr/lib', 'lib'].flatMap((lib) => [
    path.join(root, lib, triplet), path.join(root, lib, triplet, 'pulseaudio')]);
  const fonts = path.join(folder, 'fonts.conf');
  const family = (name, chosen) =>
    `<match target="pattern"><test name="family"><string>${name}</string></test>
     <edit name="family" mode="assign" binding="strong"><string>${chosen}</string></edit></match>`;
  writeFileSync(fonts, `<?xml version="1.0"?>
<fontconfig>
  <dir>${root}/usr/share/fonts</dir><cachedir>${folder}/fonts</cachedir>
  ${family('system-ui', 'Inter')}${family('sans-serif', 'Inter')}
  ${family('ui-monospace', 'DejaVu Sans Mono')}${family('monospace', 'DejaVu Sans Mono')}
</fontconfig>`);
  return {
    program: path.join(root, 'usr/lib/chromium/chromium'),
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':'), FONTCONFIG_FILE: fonts, HOME: folder },
  };
}
