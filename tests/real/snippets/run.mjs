// Runs a page, block by block, in its order.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { argument, blocks } from './page.mjs';
import { dialogue, plain, same } from './compare.mjs';
import { Terminal } from './terminal.mjs';

const fragments = path.join(import.meta.dirname, 'with');

/** What came of each block: `[{ line, language, outcome: "ok" | "failed" | "not run", why }]`. */
export async function page(text, prepare = () => {}) {
  const terminal = new Terminal();
  prepare(terminal.folder);
  const results = [];
  try {
    for (const block of blocks(text)) results.push(await attempt(terminal, block));
  } catch (error) {
    results.push({ line: 0, language: 'page', outcome: 'failed', why: error });
  }
  await terminal.close();
  return results;
}

async function attempt(terminal, block) {
  const { line, language } = block;
  const why = argument(block, 'not run:');
  if (why) return { line, language, outcome: 'not run', why };
  try {
    await ready(terminal, block);
    await carryOut(terminal, block);
    return { line, language, outcome: 'ok' };
  } catch (error) {
    return { line, language, outcome: 'failed', why: error };
  }
}

async function ready(terminal, block) {
  for (const [name, said] of block.clauses) {
    if (name === 'map') terminal.map(...said.split(' '));
    if (name === 'given') for (const what of said.split(' ')) await terminal.given(what);
    if (name === 'before') expectCode(terminal.run(await terminal.here(said)), 0, said);
  }
}

async function carryOut(terminal, block) {
  const text = await terminal.here(block.text);
  const code = Number(argument(block, 'exit') ?? 0);
  const file = argument(block, 'file');
  if (file) return terminal.write(file, text);
  const command = argument(block, 'output of');
  if (command) return expectOutput(terminal, await terminal.here(command), block.text, code);
  if (block.language === 'toml') return configuration(terminal, block, text);
  if (block.language === 'json') return JSON.parse(block.text);
  if (block.language === 'console') {
    for (const { command, output } of dialogue(block.text)) {
      await expectOutput(terminal, await terminal.here(command), output, code);
    }
    return undefined;
  }
  if (block.language !== 'sh') {
    throw new Error(`a block of "${block.language}": say what it is, or why it is not run`);
  }
  const url = argument(block, 'background until');
  if (url) return terminal.background(text, await terminal.here(url));
  return expectCode(terminal.run(text, { strict: true }), code, text);
}

/** A configuration passes `check`, with as many warnings as the page says. */
async function configuration(terminal, block, text) {
  const under = argument(block, 'under');
  const rest = (argument(block, 'with') ?? '').split(' ').filter(Boolean)
    .map((name) => readFileSync(path.join(fragments, `${name}.toml`), 'utf8'));
  const whole = [...(under ? [under] : []), text, ...rest].join('\n');
  const name = argument(block, 'save') ?? 'snippet.toml';
  terminal.write(name, await terminal.here(whole));
  const { output } = terminal.run(`portcullis check -c '${name}'`);
  const warnings = output.match(/: ok \(.*, (\d+) warnings?\)/)?.[1];
  if (warnings !== (argument(block, 'warnings') ?? '0')) throw new Error(`${output}\n-- of --\n${whole}`);
}

async function expectOutput(terminal, command, shown, code) {
  const ran = terminal.run(command);
  expectCode(ran, code, command);
  if (!same(shown, ran.output)) {
    throw new Error(`${command}\n-- prints --\n${plain(ran.output)}\n-- and not --\n${plain(shown)}`);
  }
}

function expectCode({ code, output }, expected, script) {
  if (code !== expected) throw new Error(`ends with ${code}, not ${expected}:\n${script}\n-- prints --\n${output}`);
}
