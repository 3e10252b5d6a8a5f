// The steps of a decision, as `explain` and each refusal have them.

const OUTCOMES = {
  pass: ['good', 'passed'],
  fail: ['bad', 'failed'],
  skip: ['calm', 'skipped'],
};

/** Claims and settings that were compared: a list of values, or one. */
function values(value) {
  const all = Array.isArray(value) ? value : [value];
  if (all.length === 0) return 'nothing';
  return all.flatMap((one, n) => [n > 0 ? ', ' : '', code(typeof one === 'string' ? one : JSON.stringify(one) ?? '')]);
}

function step({ step: name, outcome, detail, compared, remedy }) {
  const [tone, word] = OUTCOMES[outcome] ?? ['calm', outcome];
  const says = el('div', { class: 'says' }, detail ? el('p', {}, theirs(detail)) : null);
  if (compared) {
    says.append(el('dl', { class: 'terms' }, terms([
      ['compared', compared.what === undefined ? null : code(compared.what)],
      ['the token says', compared.token === undefined ? null : values(compared.token)],
      ['configured is', compared.configured === undefined ? null : values(compared.configured)],
    ])));
  }
  if (remedy) says.append(el('p', { class: 'remedy' }, el('strong', {}, 'What to do: '), theirs(remedy)));
  return el('li', { class: `step ${tone}` },
    badge(tone, word), el('span', { class: 'name' }, plain(name)), says);
}

/** All of them; those that were never come to are told in one line. */
function stepList(steps, label) {
  const all = Array.isArray(steps) ? steps : [];
  const last = all.findLastIndex(({ outcome }) => outcome !== 'skip');
  const behind = all.slice(last + 1).map(({ step: name }) => plain(name));
  return [
    el('ol', { class: 'steps', 'aria-label': label }, all.slice(0, last + 1).map(step)),
    behind.length > 0 ? el('p', { class: 'hint' }, `Not come to, or not asked for: ${behind.join(', ')}.`) : null,
  ];
}

