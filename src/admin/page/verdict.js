// The first line: does it serve, and what needs a look?

const NAMED = 3;

/** Some names of many. */
function names(all) {
  const first = all.slice(0, NAMED).flatMap((name, n) => [n > 0 ? ', ' : '', code(name)]);
  return all.length > NAMED ? [...first, ` and ${whole(all.length - NAMED)} more`] : first;
}

function troubles(status, failing) {
  const lines = [];
  const keyless = failing.filter(({ active, ready }) => active && !ready).map(({ issuer }) => issuer);
  const without = status.issuer_counts.without_keys;
  if (without > 0) {
    const those = keyless.length > 0 ? [': ', names(keyless)] : [];
    lines.push([`${several(without, 'issuer has', 'issuers have')} no keys`, those]);
  }
  const old = failing.filter(({ active, ready, last_error: error }) => active && ready && error);
  if (old.length > 0) lines.push(['The last fetch of keys failed: ', names(old.map(({ issuer }) => issuer))]);
  const dead = status.upstreams.filter(({ servers }) => {
    const addresses = servers.flatMap(({ addresses: all }) => all);
    return addresses.length > 0 && addresses.every(({ state }) => state !== 'healthy');
  });
  if (dead.length > 0) lines.push(['No healthy address: ', names(dead.map(({ upstream }) => upstream))]);
  if (status.configuration.last_reload?.outcome === 'refused') {
    lines.push(['The last reload was refused; the old configuration is in force']);
  }
  return lines;
}

function showVerdict(status, failing) {
  const lines = troubles(status, failing);
  let tone = lines.length > 0 ? 'warn' : 'good';
  let text = 'Ready';
  if (status.draining) [tone, text] = ['warn', 'Draining: it is about to end'];
  else if (!status.ready) [tone, text] = ['bad', 'Not ready: no active issuer has keys'];
  else if (lines.length > 0) text = 'Ready, but look at this';
  tell(tone, text, lines);
}

function tell(tone, text, lines = []) {
  const verdict = at('verdict');
  verdict.className = `verdict ${tone}`;
  swap(verdict, badge(tone, text),
    lines.length > 0 ? el('ul', {}, lines.map((line) => el('li', {}, line.flat(2)))) : null);
}

function showFacts(status) {
  const reload = status.configuration.last_reload;
  swap(at('facts'), ...terms([
    ['Version', plain(status.version)],
    ['Up for', span(status.uptime_seconds)],
    ['Configuration', `no. ${whole(status.configuration.generation)}`],
    ['Last reload', reload ? [plain(reload.outcome), ' ', timed(reload.at)] : 'none'],
    ['Tokens remembered', whole(status.token_cache.tokens)],
    ['Issuers ready', `${whole(status.issuer_counts.ready)} of ${whole(status.issuer_counts.ready + status.issuer_counts.without_keys)}`],
  ]));
}

