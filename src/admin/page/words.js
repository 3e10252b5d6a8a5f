// Words for what the gateway says.

const DASH = '\u2013';
const MOST_TEXT = 2000;

// Control characters, and those that change the order or the look of what stands beside them.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text that strangers wrote, so that it cannot pretend: characters that nobody sees are written out. */
function plain(text) {
  const all = String(text);
  const shown = all.length > MOST_TEXT ? `${all.slice(0, MOST_TEXT)}\u2026` : all;
  return shown.replace(UNSEEN, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}

/** The same as an element, whose direction does not leave it. */
const theirs = (text, name = 'bdi') => el(name, { dir: 'auto' }, plain(text));
const code = (text) => el('code', { dir: 'ltr' }, plain(text));

const whole = (number) => Number(number ?? 0).toLocaleString('en-GB');
const several = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/** A number of seconds in one unit. */
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s} s`;
  if (s < 100 * 60) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

const ago = (seconds) => (seconds === null || seconds === undefined ? DASH : `${span(seconds)} ago`);

/** When a time is, seen from now. `text` is of RFC 3339. */
function when(text) {
  const away = (Date.parse(text) - Date.now()) / 1000;
  if (Number.isNaN(away)) return plain(text);
  return away < 0 ? `${span(-away)} ago` : `in ${span(away)}`;
}

const timed = (text) => el('time', { datetime: plain(text), title: plain(text) }, when(text));

/** A state in words, with a sign and a colour. `tone` is good, bad, warn or calm. */
function badge(tone, text) {
  const sign = { good: '\u2713', bad: '\u2717', warn: '!', calm: '\u2013' }[tone];
  return el('span', { class: `badge ${tone}` }, el('span', { 'aria-hidden': 'true' }, `${sign} `), plain(text));
}

/** Pairs of a term and what it is; those without a value are left out. */
function terms(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return known.map(([term, value]) => el('div', {}, el('dt', {}, term), el('dd', {}, value)));
}

