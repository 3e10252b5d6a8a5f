// A page as its reader sees it: fenced blocks, and the remarks for the runner in front of them.

/** What a remark may say. Each takes the rest of its line. */
const CLAUSES = [
  'not run:', 'given', 'map', 'with', 'under', 'warnings', 'save', 'file', 'before', 'output of', 'exit',
  'background until',
];
const FENCE = /^( *)```([\w-]*) *$/;
const REMARK = /^<!-- snippet: (.*)$/;

/**
 * The fenced blocks of `text`, each `{ line, language, text, clauses }`, where a clause is `[name, argument]`.
 * Throws for a remark that nobody understands, a remark without a block, and a block without an end.
 */
export function blocks(text) {
  const lines = text.split('\n');
  const found = [];
  let clauses = [];
  for (let at = 0; at < lines.length; at += 1) {
    const remark = lines[at].match(REMARK);
    if (remark) {
      const said = [remark[1]];
      while (!said.at(-1).endsWith('-->')) {
        at += 1;
        if (at === lines.length) throw new Error('a remark has no end');
        said.push(lines[at]);
      }
      said.push(said.pop().slice(0, -'-->'.length));
      clauses.push(...said.map((line) => line.trim()).filter(Boolean).map((line) => clause(line, at + 1)));
    }
    const fence = lines[at].match(FENCE);
    if (!fence) continue;
    const [, indent, language] = fence;
    const line = at + 1;
    const body = [];
    for (at += 1; lines[at]?.trim() !== '```'; at += 1) {
      if (at === lines.length) throw new Error(`line ${line}: a block has no end`);
      body.push(lines[at].slice(indent.length));
    }
    found.push({ line, language, text: `${body.join('\n')}\n`, clauses });
    clauses = [];
  }
  if (clauses.length > 0) throw new Error(`no block follows "${clauses[0].join(' ')}"`);
  return found;
}

/** The argument of the clause `name` of a block, or undefined. */
export function argument(block, name) {
  return block.clauses.find(([clause]) => clause === name)?.[1];
}

function clause(line, at) {
  const name = CLAUSES.find((name) => line === name || line.startsWith(`${name} `));
  if (!name) throw new Error(`line ${at}: "${line}" is none of: ${CLAUSES.join(', ')}`);
  const argument = line.slice(name.length).trim();
  if (!argument) throw new Error(`line ${at}: "${name}" says nothing`);
  return [name, argument];
}
