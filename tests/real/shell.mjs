// Completions in real shells, and the manual before groff and mandoc.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { assert, check, complete, scenario, scratch } from './harness.mjs';
import { program, run } from './debian.mjs';

const folder = scratch();

function portcullis(...args) {
  return execFileSync(process.env.PORTCULLIS, args, { encoding: 'utf8' });
}

/** What bash offers for `words`, of which the last one is being typed. */
async function offered(script, words) {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const { code, output } = await complete('bash', ['--norc', '-c', `
    source '${script}'
    complete -p portcullis
    COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
    _portcullis portcullis '${words.at(-1)}' '${words.at(-2)}'
    printf '%s\\n' "\${COMPREPLY[@]}"`]);
  assert.equal(code, 0, output);
  return output.split('\n').filter((line) => line && !line.startsWith('complete '));
}

await scenario(async () => {
  const at = (name) => path.join(folder, name);
  const bash = at('portcullis.bash');
  writeFileSync(bash, portcullis('completions', 'bash'));
  await check('bash completes a command', async () =>
    assert.deepEqual(await offered(bash, ['portcullis', 'expl']), ['explain']));
  await check('bash completes an option of a command', async () =>
    assert.deepEqual(await offered(bash, ['portcullis', 'explain', '--request-']), ['--request-id']));
  await check('bash completes the shells', async () =>
    assert.deepEqual(await offered(bash, ['portcullis', 'completions', 'z']), ['zsh']));
  await check('bash offers nothing for what is not there', async () =>
    assert.deepEqual(await offered(bash, ['portcullis', 'nonsense']), []));
  await check('there is no script for another shell', async () => {
    const { code } = await complete(process.env.PORTCULLIS, ['completions', 'cmd']);
    assert.equal(code, 2);
  });

  const zsh = await program(folder, 'zsh', 'zsh');
  await check('zsh takes its script', async () => {
    writeFileSync(at('_portcullis'), portcullis('completions', 'zsh'));
    await run(zsh.file, ['-f', '-n', at('_portcullis')], { env: zsh.env });
    const said = await run(zsh.file, ['-f', '-c', `
      compdef() { print "compdef $*" }
      source '${at('_portcullis')}'
      print \${+functions[_portcullis__explain_commands]}\${+functions[_portcullis__subcmd__explain_commands]}`],
    { env: zsh.env });
    assert.match(said, /compdef _portcullis portcullis/);
    assert.match(said, /1/);
  });
  const fish = portcullis('completions', 'fish');
  await check('fish gets every command', () => assert.match(fish, /-a "explain"/));

  // The manual.
  const pages = at('man1');
  portcullis('man', '--output-dir', pages);
  const names = readdirSync(pages).sort();
  await check('there is a page for every command', () => {
    const help = portcullis('--help');
    const commands = [...help.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map((found) => found[1]).filter((one) => one !== 'help');
    assert.ok(commands.length >= 11, help);
    for (const command of commands) assert.ok(names.includes(`portcullis-${command}.1`), command);
    assert.equal(portcullis('man'), readFileSync(path.join(pages, 'portcullis.1'), 'utf8'));
  });
  const mandoc = await program(folder, 'mandoc', 'mandoc');
  await check('mandoc has nothing against them', async () => {
    const files = names.map((name) => path.join(pages, name));
    const { code, output } = await complete(mandoc.file, ['-Tlint', '-Wwarning', ...files], { env: mandoc.env });
    assert.equal(code, 0, output);
  });
  await check('mandoc has something against a broken one', async () => {
    writeFileSync(at('broken.1'), '.TH X 1\n.SH NAME\n.RE\n');
    const { code } = await complete(mandoc.file, ['-Tlint', '-Wwarning', at('broken.1')], { env: mandoc.env });
    assert.notEqual(code, 0);
  });
  await check('it reads well: what to call, how it exits, which files', async () => {
    const shown = await run(mandoc.file, ['-Tascii', path.join(pages, 'portcullis-explain.1')], { env: mandoc.env });
    const plain = shown.replace(/.\x08/g, '');
    for (const part of ['portcullis-explain(1)', '--request', 'EXIT STATUS', 'FILES', 'portcullis.toml']) {
      assert.ok(plain.includes(part), `${part} is not in\n${plain}`);
    }
  });
});
