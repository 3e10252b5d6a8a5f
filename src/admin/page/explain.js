// The box: a token or a curl line in, the steps out.

const isCurl = (text) => /^\s*(\$\s*)?curl(\.exe)?\s/i.test(text);

/** The token in what was pasted, which may be a whole field. */
const bare = (text) => text.trim().replace(/^authorization:\s*/i, '').replace(/^bearer\s+/i, '');

/** The lines "Name: value" as pairs. */
function pairs(text) {
  return text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Unwell(0, `"${line}" is no header field: write Name: value`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

function question() {
  const value = (id) => at(id).value;
  const pasted = value('paste');
  const asked = {};
  if (isCurl(pasted)) {
    asked.curl = pasted.trim().replace(/^\$\s*/, '');
  } else {
    if (pasted.trim()) asked.token = bare(pasted);
    asked.method = value('method').trim() || 'GET';
    asked.url = value('url').trim() || '/';
    const headers = pairs(value('fields'));
    if (headers.length > 0) asked.headers = headers;
    if (value('body')) asked.body = value('body');
  }
  if (value('from').trim()) asked.from = value('from').trim();
  if (value('at').trim()) asked.at = value('at').trim();
  return asked;
}

function showReport(report) {
  const allowed = report.verdict === 'allow';
  const title = allowed ? 'It would pass' : 'It would be refused';
  const failed = report.steps?.find(({ outcome }) => outcome === 'fail');
  swap(at('answer-title'), badge(allowed ? 'good' : 'bad', title),
    allowed ? null : el('span', { class: 'sum' }, ` ${plain(report.status ?? '')} `, code(report.code ?? '')));
  at('answer-steps').replaceChildren(
    failed ? el('p', { class: 'cause' }, theirs(failed.detail)) : '',
    el('p', { class: 'hint' }, report.route ? ['Route ', code(report.route)] : 'No route takes it',
      failed ? [', refused at the step ', el('strong', {}, plain(failed.step))] : '', '.'),
    ...stepList(report.steps, 'The steps of this request'));
  at('answer').hidden = false;
  at('answer-title').focus();
}

/** Curl lines say their own method and URL. */
function showCurl() {
  const curl = isCurl(at('paste').value);
  for (const id of ['method', 'url', 'fields', 'body']) at(id).disabled = curl;
}

function beginExplain(locked) {
  const form = at('question');
  at('paste').addEventListener('input', showCurl);
  at('paste').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener('reset', () => {
    at('answer').hidden = true;
    put(at('question-error'), '');
    setTimeout(showCurl);
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    put(at('question-error'), '');
    try {
      showReport(await ask('/explain', question()));
    } catch (error) {
      if (error instanceof Locked) return locked();
      at('answer').hidden = true;
      const told = error instanceof Unwell ? plain(error.message) : 'The gateway does not answer.';
      put(at('question-error'), told);
    }
  });
}

