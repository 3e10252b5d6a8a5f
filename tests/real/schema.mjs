// The JSON Schema of a configuration, before validators of others: PyPI's jsonschema, and taplo, which is what
// editors have for TOML.

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, check, complete, count, scenario, scratch } from './harness.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '../..');
const folder = scratch();
const taplo = path.join(here, 'node_modules/.bin/taplo');

/** Every configuration that is shipped, as a path from the root. */
const shipped = [
  ...readdirSync(path.join(root, 'config')).filter((name) => name.endsWith('.toml')).map((name) => `config/${name}`),
  ...readdirSync(path.join(root, 'examples'), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.endsWith('.toml')) return [`examples/${entry.name}`];
    if (!entry.isDirectory()) return [];
    // A file of users is no configuration.
    return readdirSync(path.join(root, 'examples', entry.name))
      .filter((name) => name.endsWith('.toml') && name !== 'users.toml')
      .map((name) => `examples/${entry.name}/${name}`);
  }),
];

function portcullis(...args) {
  return execFileSync(process.env.PORTCULLIS, args, { encoding: 'utf8' });
}

await scenario(async () => {
  for (const name of ['config', 'examples']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  const schema = portcullis('schema');
  await check('the program prints the schema that is shipped', () =>
    assert.ok(schema === readFileSync(path.join(root, 'config/portcullis.schema.json'), 'utf8')));

  // Python: the meta-schema, the files, and the cases that the unit tests know as well.
  const shown = portcullis('demo', '--show-config');
  writeFileSync(path.join(folder, 'demo.toml'), shown);
  const judged = await complete(process.env.PYTHON, [path.join(here, 'schema/judge.py'),
    path.join(folder, 'config/portcullis.schema.json'), path.join(here, 'schema/cases.toml'),
    path.join(folder, 'demo.toml'), ...shipped.map((name) => path.join(folder, name))]);
  assert.equal(judged.code, 0, judged.output);
  for (const { what, good } of JSON.parse(judged.output)) count(`jsonschema: ${what}`, good);

  // taplo finds the schema by the first line of each file, as an editor does.
  assert.ok(shipped.length >= 7, shipped);
  for (const name of shipped) {
    const text = readFileSync(path.join(folder, name), 'utf8');
    assert.match(text, /^#:schema \S+portcullis\.schema\.json\n/, name);
  }
  const lint = (...files) => complete(taplo, ['lint', ...files], { cwd: folder });
  const good = await lint(...shipped);
  await check('taplo takes every shipped configuration', () => assert.equal(good.code, 0, good.output));
  const broken = 'config/broken.toml';
  const minimal = readFileSync(path.join(folder, 'config/minimal.toml'), 'utf8');
  writeFileSync(path.join(folder, broken), minimal.replace('audiences', 'audience '));
  const bad = await lint(broken);
  await check('taplo refuses a key that is not there', () => {
    assert.notEqual(bad.code, 0);
    assert.match(bad.output, /'audience' was unexpected/);
  });
  await check('without the schema it sees nothing', async () => {
    rmSync(path.join(folder, broken));
    writeFileSync(path.join(folder, 'config/blind.toml'),
      minimal.replace('audiences', 'audience ').replace(/^#:schema.*\n/, ''));
    const blind = await lint('config/blind.toml');
    assert.equal(blind.code, 0, blind.output);
  });
});
