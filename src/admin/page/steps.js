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
  return all.map((one, n) => [n > 0 ? ', ' : '', code(typeof one === 'string' ? one : JSON.stringify(one) ?? '')]);
}

/** What a step looked at; of a step that passed it is told when that is asked for. */
function comparison({ compared, outcome }) {
  if (!compared) return null;
  const told = (value) => (value === undefined || value === null ? null : values(value));
  return el('dl', { class: 'terms compared', hidden: outcome !== 'fail' }, terms([
    ['compared', told(compared.what)],
    ['found', told(compared.token)],
    ['configured', told(compared.configured)],
  ]));
}

function step(one) {
  const [tone, word] = OUTCOMES[one.outcome] ?? ['calm', one.outcome];
  return el('li', { class: `step ${tone}` }, badge(tone, word), el('span', { class: 'name' }, plain(one.step)),
    el('div', { class: 'says' },
      one.detail ? el('p', {}, theirs(one.detail)) : null,
      comparison(one),
      one.remedy ? el('p', { class: 'remedy' }, el('strong', {}, 'What to do: '), theirs(one.remedy)) : null));
}

/** A button that shows what those compared that passed. */
function comparisons(list) {
  const passed = [...list.querySelectorAll('.step:not(.bad) .compared')];
  if (passed.length === 0) return [];
  const button = el('button', { type: 'button', 'aria-pressed': 'false' }, 'Show what was compared');
  button.addEventListener('click', () => {
    const show = button.getAttribute('aria-pressed') === 'false';
    button.setAttribute('aria-pressed', String(show));
    for (const one of passed) one.hidden = !show;
  });
  return [button];
}

/** All of them; those that were never come to are told in one line. */
function stepList(steps, label) {
  const all = Array.isArray(steps) ? steps : [];
  const last = all.findLastIndex(({ outcome }) => outcome !== 'skip');
  const behind = all.slice(last + 1).map(({ step: name }) => plain(name));
  const list = el('ol', { class: 'steps', 'aria-label': label }, all.slice(0, last + 1).map(step));
  const rest = behind.length > 0 ? `Not come to, or not asked for: ${behind.join(', ')}.` : '';
  return [list, el('p', { class: 'hint' }, rest), ...comparisons(list)];
}

