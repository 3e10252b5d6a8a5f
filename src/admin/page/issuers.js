// Issuers, each with its keys.

const MOST_ISSUERS = 100;
let lastIssuers = [];
let issuersInAll = 0;

function issuerState({ active, ready, last_error: error }) {
  if (!active) return ['calm', 'switched off'];
  if (!ready) return ['bad', 'no keys'];
  return error ? ['warn', 'ready, fetch failed'] : ['good', 'ready'];
}

function keyState({ in_time: inTime, warning, not_after: end }) {
  if (inTime === false) return badge('bad', 'out of time');
  if (warning) return [badge('warn', warning)];
  return [badge('good', 'in use'), end ? [' until ', timed(end)] : ''];
}

function keyRows({ keys, skipped }) {
  const used = keys.map((key, n) => ({
    key: `${n} ${key.kid} ${key.thumbprint}`,
    cells: [key.kid === null ? 'none' : code(key.kid), plain(key.kty), plain(key.algorithms.join(', ')),
      keyState(key), key.thumbprint ? code(key.thumbprint) : DASH],
  }));
  return [...used, ...skipped.map(({ position, kid, reason }) => ({
    key: `skipped ${position}`,
    cells: [kid === null ? `no. ${position}` : code(kid), DASH, DASH,
      [badge('warn', 'skipped'), ' ', theirs(reason)], DASH],
  }))];
}

function makeIssuer({ issuer }) {
  const title = el('span', { class: 'sum' });
  const age = el('span', { class: 'age' });
  const facts = el('dl', { class: 'terms' });
  const trouble = el('p', { class: 'cause' });
  const keys = table(`Keys of ${plain(issuer)}`, ['kid', 'Type', 'Algorithms', 'State', 'Thumbprint']);
  const node = el('li', {}, el('details', {}, el('summary', {}, title, age),
    el('div', { class: 'inside' }, trouble, facts, keys.node)));
  const update = (one) => {
    const [tone, word] = issuerState(one);
    swap(title, badge(tone, word), ' ', code(one.issuer));
    put(age, `${several(one.keys.length, 'key')}${one.age_seconds === null ? '' : `, read ${ago(one.age_seconds)}`}`);
    trouble.hidden = !one.last_error;
    put(trouble, one.last_error ? plain(one.last_error) : '');
    swap(facts, ...terms([
      ['Keys from', [plain(one.source_kind), ' ', code(one.source)]],
      ['Key set', one.jwks_uri && one.jwks_uri !== one.source ? code(one.jwks_uri) : null],
      ['Read', one.read_at ? timed(one.read_at) : one.active ? 'never' : null],
      ['Next fetch', one.next_in_seconds === null ? null : `in ${span(one.next_in_seconds)}`],
      ['Fetches', one.fetches + one.failures > 0
        ? `${whole(one.fetches)} good, ${whole(one.failures)} failed` : null],
      ['Restored from disk', one.restored ? 'yes' : null],
      ['Cache', one.cache_error ? plain(one.cache_error) : null],
    ]));
    keys.node.hidden = one.keys.length + one.skipped.length === 0;
    keys.fill(keyRows(one));
  };
  return { node, update };
}

const RANK = { bad: 0, warn: 1, good: 2, calm: 3 };
const rank = (issuer) => RANK[issuerState(issuer)[0]];

function fits(one, words) {
  const text = [one.issuer, one.source, one.last_error, ...one.keys.map(({ kid }) => kid), issuerState(one)[1]];
  const all = text.filter(Boolean).join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

function showIssuers() {
  const words = at('issuer-filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = lastIssuers.filter((one) => fits(one, words)).sort((a, b) => rank(a) - rank(b));
  const shown = fitting.slice(0, MOST_ISSUERS);
  const known = lastIssuers.length < issuersInAll
    ? ` Of ${whole(issuersInAll)}, those that need a look and the first by name are searched; another is found by its `
      + 'whole name.' : '';
  put(at('issuers-note'), `${whole(shown.length)} of ${several(fitting.length, 'issuer')} shown, `
    + `those that need a look first.${known}`);
  sync(at('issuer-list'), shown, ({ issuer }) => issuer, makeIssuer);
}

function keepIssuers(issuers, inAll) {
  [lastIssuers, issuersInAll] = [issuers, inAll];
  showIssuers();
}

