// docs/capacity.md says what follows from the figures that were measured, and the script notices when it does not.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { assert, check, complete, scenario, scratch } from './harness.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const script = (...args) => complete(process.env.PYTHON, [path.join(ROOT, 'benches/capacity'), ...args]);
const docs = (name) => path.join(ROOT, 'docs', name);

await scenario(async () => {
  const folder = scratch();
  const benchmarks = readFileSync(docs('benchmarks.md'), 'utf8');
  const page = readFileSync(docs('capacity.md'), 'utf8');
  /** The check with other files in the place of those of docs/. */
  const held = (figures, text) => {
    const [one, other] = [path.join(folder, 'benchmarks.md'), path.join(folder, 'capacity.md')];
    writeFileSync(one, figures);
    writeFileSync(other, text);
    return script('--benchmarks', one, '--page', other, '--check');
  };

  await check('the page has the tables of the script', async () => {
    const { code, output } = await script('--check');
    assert.equal(code, 0, output);
    assert.equal((await held(benchmarks, page)).code, 0);
    const { output: printed } = await script();
    assert.ok(page.includes(printed));
  });
  await check('a page that says something else is told', async () => {
    const changed = page.replace(/^\| machines \| .*$/m, '| machines | 1 | 1 | 1 |');
    assert.notEqual(changed, page);
    const { code, output } = await held(benchmarks, changed);
    assert.equal(code, 1);
    assert.match(output, /benches\/capacity --write/);
    assert.equal((await held(benchmarks, page.replace('<!-- end -->', ''))).code, 1);
  });
  await check('figures that changed are told, and so are those that are gone', async () => {
    const row = /\*\*Portcullis, RS256 first sight\*\* \| [\d.]+ /;
    assert.match(benchmarks, row);
    const slower = benchmarks.replace(row, '**Portcullis, RS256 first sight** | 99.9 ');
    assert.equal((await held(slower, page)).code, 1);
    const { code, output } = await held(benchmarks.replace(row, ''), page);
    assert.equal(code, 1);
    assert.match(output, /does not say "first" any more/);
  });
  await check('other assumptions give another plan, and unknown ones are refused', async () => {
    const { code, output } = await script('cores=8', 'new=50');
    assert.equal(code, 0, output);
    assert.ok(!page.includes(output));
    for (const wrong of ['cors=8', 'cores=0', 'cores=many', '--chek']) {
      assert.equal((await script(wrong)).code, 1, wrong);
    }
  });
});
