// What a command printed against what the page says that it prints.

/** What differs from run to run, and by what it is replaced on both sides. */
const VARYING = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/\b1[789]\d{8}\b/g, '<seconds>'],
  [/\b[0-9a-f]{32}\b/g, '<id>'],
  [/(?<![\w-])[\w-]{43}(?![\w-])/g, '<thumbprint>'],
  [/\b\d+ bytes\b/g, '<bytes>'],
  [/\b\d+ (?:ms|s|m)\b/g, '<duration>'],
];

/** Commands and their output, as a block of a terminal shows them: `[{ command, output }]`. */
export function dialogue(text) {
  const turns = [];
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const last = turns.at(-1);
    if (line.startsWith('$ ')) turns.push({ command: line.slice(2), output: [], open: line.endsWith('\\') });
    else if (!last) throw new Error('a console block begins with "$ "');
    else if (last.open) {
      last.command += `\n${line}`;
      last.open = line.endsWith('\\');
    } else last.output.push(line);
  }
  return turns.map(({ command, output }) => ({ command, output: output.join('\n') }));
}

/** Whether `printed` is what `shown` says, where `…` stands for any text, on a line of its own for any lines. */
export function same(shown, printed) {
  const [expected, actual] = [shown, printed].map(plain);
  const pattern = expected.split('\n').map((line) => (line.trim() === '…' ? '…' : line)).join('\n')
    .split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*?');
  return new RegExp(`^${pattern}$`).test(actual);
}

/** `text` without what varies, without blanks at the ends of lines, and without lines of nothing at its end. */
export function plain(text) {
  const settled = VARYING.reduce((text, [what, by]) => text.replace(what, by), text.replace(/\r/g, ''));
  return settled.replace(/[ \t]+$/gm, '').replace(/\n+$/, '');
}
