// Refusals: how many by code, and the last ones with their steps.

const AT_FIRST = 10;
const codes = table('Refusals by code', ['Code', 'Status', 'Last minute', '15 minutes', 'Share']);
let onlyCode = null;
let mostRefusals = AT_FIRST;
let lastRefusals = null;

function codeButton(name) {
  return el('button', { type: 'button', class: 'plain', 'data-code': plain(name),
    'aria-pressed': String(onlyCode === name) }, code(name));
}

/** How much of all it is, as a bar. Its number stands beside it. */
function bar(count, most) {
  const node = el('span', { class: 'bar', 'aria-hidden': 'true', 'data-tenths': String(Math.ceil((10 * count) / most)) });
  return node;
}

function showCodes(answer) {
  const all = answer.by_code ?? [];
  const most = Math.max(1, ...all.map((one) => one.last_15_minutes));
  const sum = Math.max(1, all.reduce((so, one) => so + one.last_15_minutes, 0));
  codes.fill(all.map((one) => ({
    key: `${one.code} ${one.status}`,
    cells: [codeButton(one.code), String(one.status), whole(one.last_minute), whole(one.last_15_minutes),
      [bar(one.last_15_minutes, most), ` ${Math.round((100 * one.last_15_minutes) / sum)} %`]],
  })));
  codes.node.hidden = all.length === 0;
}

function makeRefusal() {
  const title = el('span', { class: 'sum' });
  const age = el('span', { class: 'age' });
  const inside = el('div', { class: 'inside' });
  const node = el('li', {}, el('details', {}, el('summary', {}, title, age), inside));
  let shown = false;
  const update = (one) => {
    put(age, ago(one.age_seconds));
    if (shown) return;
    shown = true;
    const asked = [code(one.method ?? ''), ' ', code(one.path ?? '')];
    title.append(badge('bad', one.status), ' ', code(one.code), ' ', el('span', { class: 'asked-for' }, asked));
    inside.append(one.cause ? el('p', { class: 'cause' }, theirs(one.cause)) : '',
      el('dl', { class: 'terms' }, terms([
        ['Route', one.route ? code(one.route) : 'none'],
        ['Time', timed(one.time)],
        ['Request', code(one.request_id)],
        ['Client', one.client ? code(one.client) : null],
        ['Issuer', one.issuer ? code(one.issuer) : null],
        ['alg', one.header?.alg ? code(one.header.alg) : null],
        ['kid', one.header?.kid ? code(one.header.kid) : null],
        ['typ', one.header?.typ ? code(one.header.typ) : null],
        ['Claims', one.claims?.length ? values(one.claims) : null],
      ])), ...stepList(one.steps, 'The steps of this refusal'));
  };
  return { node, update };
}

function showLast() {
  const all = lastRefusals.refusals ?? [];
  const chosen = onlyCode === null ? all : all.filter(({ code: name }) => name === onlyCode);
  const shown = chosen.slice(0, mostRefusals);
  const of = onlyCode === null ? '' : ` with the code ${plain(onlyCode)}`;
  put(at('last-note'), chosen.length === 0 ? `None is remembered${of}.`
    : `The last ${whole(shown.length)} of ${whole(chosen.length)} that are remembered${of}, newest first. `
      + 'No token is kept with them.');
  sync(at('last'), shown, (one) => `${one.request_id} ${one.time}`, makeRefusal);
  at('more-refusals').hidden = shown.length === chosen.length;
}

function showRefusals(answer) {
  lastRefusals = answer;
  put(at('refusals-note'), answer.error ? `They are not told: ${plain(answer.error)}` : answer.total > 0
    ? `${several(answer.total, 'refusal')} since the start. Choose a code to see only its own.`
    : 'Nothing was refused since the start.');
  showCodes(answer);
  showLast();
}

function beginRefusals() {
  at('codes').append(codes.node);
  at('more-refusals').addEventListener('click', () => {
    mostRefusals += 2 * AT_FIRST;
    showLast();
  });
  codes.node.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-code]');
    if (!button) return;
    const name = button.textContent;
    onlyCode = onlyCode === name ? null : name;
    mostRefusals = AT_FIRST;
    for (const other of codes.node.querySelectorAll('button[data-code]')) {
      other.setAttribute('aria-pressed', String(other.textContent === onlyCode));
    }
    showLast();
  });
}

