// Every command and snippet of the documents, run as it stands there.
//
// A `toml` block goes through `portcullis check`, an `sh` block through bash, a `console` block too, and its output is
// compared; a `json` block is parsed. A block of another language, or one that needs more than itself, has a remark in
// front of it, which no reader sees: `<!-- snippet: CLAUSE -->`, one clause a line. Blocks of a page share a folder, variables
// and ports: 127.0.0.1:8080 is another free port in each run.
//
//   not run: WHY          it is counted, and their number may not grow
//   given NAME…           snippets/given/NAME.sh has run, or is running
//   with NAME…            snippets/with/NAME.toml stands behind the fragment
//   under [TABLE]         the fragment belongs into this table
//   warnings N            `check` says so many (0)
//   save FILE             later blocks find the configuration there
//   file FILE             it is no configuration: later blocks find it there
//   before COMMAND        something that the reader has done already
//   output of COMMAND     the block is what this prints
//   exit N                what the command ends with (0)
//   background until URL  the last line goes on until the page ends
//   map FROM TO           what the page calls FROM is TO here
//
// In output, `…` is any text. Times, request ids, thumbprints and numbers of bytes are not compared.

import { cpSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { assert, check, count, scenario } from './harness.mjs';
import { page } from './snippets/run.mjs';

const root = path.resolve('../..');
const fixtures = path.join(import.meta.dirname, 'snippets/fixtures');
/** Never raise it for a block that could be run. */
const MOST_NOT_RUN = 21;

/** Every page that tells somebody what to do. */
function pages() {
  const below = (folder) => readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name)).sort();
  return ['README.md', 'CONTRIBUTING.md', ...below('docs'), ...below('examples')];
}

/** A wrong page fails: each fixture begins with what came of its blocks. */
async function theRunnerItself() {
  for (const name of readdirSync(fixtures)) {
    const text = readFileSync(path.join(fixtures, name), 'utf8');
    const expected = text.match(/^<!-- expect: (.*) -->$/m)[1].split(', ');
    await check(`the runner: ${name}`, async () => {
      const results = await page(text);
      assert.deepEqual(results.map(({ outcome }) => outcome), expected, results.map(({ why }) => why).join('\n'));
    });
  }
}

/** An example's page is run beside copies of its files. */
async function document(name) {
  const folder = path.dirname(name);
  const prepare = folder.startsWith('examples/')
    ? (to) => cpSync(path.join(root, folder), to, { recursive: true })
    : undefined;
  const results = await page(readFileSync(path.join(root, name), 'utf8'), prepare);
  for (const { line, language, outcome, why } of results) {
    if (outcome === 'not run') console.log(`not run ${name}:${line}: ${why}`);
    else count(`${name}:${line} ${language}`, outcome === 'ok', why?.message);
  }
  return results.filter(({ outcome }) => outcome === 'not run').length;
}

await scenario(async () => {
  await theRunnerItself();
  const chosen = process.env.PAGE;
  let notRun = 0;
  for (const name of chosen ? [chosen] : pages()) notRun += await document(name);
  await check(`${notRun} blocks are not run, ${MOST_NOT_RUN} may be`, () => assert.ok(notRun <= MOST_NOT_RUN));
});
