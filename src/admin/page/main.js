// The round: ask, show, wait.

const EVERY_MS = 5_000;
let paused = false;
let shownAt = null;
let timer;
let round = 0;

/** Issuers of this answer, those of others that need a look, and the one whose whole name was typed. */
async function moreIssuers(status) {
  const failing = status.issuers.filter(({ active, ready, last_error: error }) => active && (!ready || error));
  if (!status.next) return { issuers: status.issuers, failing };
  const name = at('issuer-filter').value.trim();
  const asked = [ask('/status?state=failing')];
  if (name) asked.push(ask(`/status?issuer=${encodeURIComponent(name)}`));
  const [other, named] = await Promise.all(asked);
  const all = [...other.issuers, ...status.issuers, ...(named?.issuers ?? [])];
  const byName = new Map(all.map((issuer) => [issuer.issuer, issuer]));
  return { issuers: [...byName.values()], failing: other.issuers };
}

/** Without the refusals, the rest can still be shown. */
function asNone(error) {
  if (error instanceof Unwell) return { total: 0, by_code: [], refusals: [], error: error.message };
  throw error;
}

async function look() {
  clearTimeout(timer);
  const mine = ++round;
  const began = performance.now();
  try {
    const [status, refusals] = await Promise.all([ask('/status'), ask('/refusals').catch(asNone)]);
    const { issuers, failing } = await moreIssuers(status);
    if (mine !== round) return;
    unlocked();
    showVerdict(status, failing);
    showFacts(status);
    showRefusals(refusals);
    keepIssuers(issuers, status.configuration.issuers);
    showRoutes(status.routes);
    showUpstreams(status.upstreams);
    shownAt = Date.now();
  } catch (error) {
    if (mine !== round) return;
    if (error instanceof Locked) return locked();
    tell('bad', error instanceof Unwell ? `The gateway says: ${error.message}` : 'The gateway does not answer');
  }
  showAge();
  // What takes long is not asked for all the time.
  if (!paused && !document.hidden) timer = setTimeout(look, Math.max(EVERY_MS, 10 * (performance.now() - began)));
}

function showAge() {
  if (shownAt === null) return;
  put(at('updated'), `${paused ? 'Paused, as of' : 'As of'} ${span((Date.now() - shownAt) / 1000)} ago`);
}

/** Shows nothing but the form for the secret. */
function locked() {
  round += 1;
  clearTimeout(timer);
  const wrong = secret !== '';
  secret = '';
  at('content').hidden = true;
  at('secret').hidden = false;
  tell('calm', 'Locked: the admin secret is needed');
  put(at('secret-error'), wrong ? 'That is not the secret of this gateway.' : '');
  at('secret-value').setAttribute('aria-invalid', String(wrong));
  at('secret-value').focus();
}

function unlocked() {
  if (!at('content').hidden) return;
  const asked = !at('secret').hidden;
  at('secret').hidden = true;
  at('content').hidden = false;
  if (asked) at('main').focus();
}

at('secret').addEventListener('submit', (event) => {
  event.preventDefault();
  const given = at('secret-value').value.trim();
  at('secret-value').value = '';
  // What no header can carry is no secret of a gateway.
  secret = /^[\x21-\x7e]+$/.test(given) ? given : 'wrong';
  look();
});

at('pause').addEventListener('click', () => {
  paused = !paused;
  at('pause').setAttribute('aria-pressed', String(paused));
  if (paused) clearTimeout(timer);
  else look();
  showAge();
});

document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused && at('secret').hidden) look();
});

at('issuer-filter').addEventListener('input', showIssuers);
at('issuer-filter').addEventListener('change', () => { if (issuersInAll > lastIssuers.length) look(); });

put(at('where'), location.host);
document.title = `Portcullis ${location.host}`;
beginExplain(locked);
beginRefusals();
beginTables();
setInterval(showAge, 1000);
look();
