// Asking the gateway. The secret is here, in memory, and goes only to where the page came from.

let secret = '';

/** The gateway wants the secret, or another one. */
class Locked extends Error {}

/** It answered, with something that is not what was asked for. */
class Unwell extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const PATIENCE_MS = 20_000;

async function ask(path, body) {
  const headers = { accept: 'application/json' };
  if (secret) headers.authorization = `Bearer ${secret}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    referrerPolicy: 'no-referrer',
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.status === 401) throw new Locked();
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: text.trim() };
  }
  if (!response.ok) throw new Unwell(response.status, answer.error ?? `${response.status} ${path}`);
  return answer;
}

