// The page of the admin listener in Debian's Chromium, driven by playwright-core, looked at by axe-core.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { install } from './chromium.mjs';
import { HOSTILE, haveTraffic, startStage } from './page-stage.mjs';
import { assert, check, refused, scenario, scratch } from './harness.mjs';

const SECRET = 'a-secret-of-the-operators';
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 320, height: 700 };
const docs = path.resolve('../../docs');
const axe = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** A page on `gateway` that keeps what went wrong on it, and where it asked. */
async function open(browser, gateway, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const wrong = [];
  const asked = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('dialog', (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => asked.push(request.url()));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
  });
  return Object.assign(page, { wrong, asked, to: () => page.goto(gateway.adminUrl) });
}

async function shown(browser, gateway, options) {
  const page = await open(browser, gateway, options);
  await page.to();
  await page.waitForSelector('#content:not([hidden])');
  return page;
}

/** Nothing is wider than the window. */
async function fitting(page) {
  const { scroll, client } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth }));
  assert.ok(scroll <= client, `${scroll} pixels in ${client}`);
}

/** Serious violations that axe-core finds, everything open. */
async function violations(page) {
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return found.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) =>
    `${html} ${failureSummary}`).join(' | ')}`);
}

async function explain(page, pasted, url) {
  await page.fill('#paste', pasted);
  if (url) await page.fill('#url', url);
  await page.click('#question button[type=submit]');
  await page.waitForFunction(() => document.activeElement?.id === 'answer-title'
    || document.getElementById('question-error').textContent);
  const verdict = await page.textContent('#answer-title');
  const failed = await page.locator('#answer-steps .step.bad .name').allTextContents();
  return { verdict, failed };
}

async function loading(browser, gateway) {
  const page = await shown(browser, gateway);
  await check('it loads without an error, and asks nobody but its own origin', async () => {
    await page.waitForSelector('#last details');
    assert.deepEqual(page.wrong, []);
    assert.ok(page.asked.length >= 3);
    const elsewhere = page.asked.filter((url) => new URL(url).origin !== gateway.adminUrl && !url.startsWith('data:'));
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
  });
  await check('it says what needs a look, and shows issuers, keys, routes and upstreams', async () => {
    const text = await page.innerText('main');
    for (const one of ['Ready, but look at this', '1 issuer has no keys: https://login.partner.example',
      'https://idp.example.com/real', '/payments/{id}', 'payments:write', 'token required', 'healthy', gateway.upstream.url]) {
      assert.ok(text.includes(one), `${one}\n${text}`);
    }
    await page.locator('#issuer-list summary').filter({ hasText: 'https://idp.example.com/real' }).click();
    assert.match(await page.innerText('#issuer-list'), /k1\s+EC\s+ES256/);
  });
  await check('the filter finds issuers by name and state', async () => {
    await page.fill('#issuer-filter', 'PARTNER no keys');
    assert.deepEqual(await page.locator('#issuer-list > li').count(), 1);
    await page.fill('#issuer-filter', '');
    assert.deepEqual(await page.locator('#issuer-list > li').count(), 3);
  });
  await check('a script and a handler that get in do not run', async () => {
    const ran = await page.evaluate(async () => {
      const script = document.createElement('script');
      try { script.text = 'globalThis.ran = true'; } catch { /* Trusted Types refuse it at once. */ }
      document.body.append(script);
      const button = document.createElement('button');
      try { button.setAttribute('onclick', 'globalThis.ran = true'); } catch { /* So they do here. */ }
      document.body.append(button);
      button.click();
      let markup = 'taken';
      try { button.innerHTML = '<b>'; } catch { markup = 'refused'; }
      button.remove();
      await new Promise((resolve) => { setTimeout(resolve); });
      return [globalThis.ran ?? false, markup];
    });
    assert.deepEqual(ran, [false, 'refused']);
    assert.ok((await page.evaluate(() => globalThis.violations)).length > 0, 'and the browser says so');
  });
  await page.context().close();
}

async function strangers(browser, gateway) {
  await check('what strangers wrote is text, in what the gateway tells', async () => {
    const page = await shown(browser, gateway);
    await page.waitForSelector('#last details');
    await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
    const text = await page.innerText('#refusals');
    assert.ok(text.includes('<img src=x onerror=alert(1)>\\u{202e}'), text);
    assert.equal(await page.locator('img').count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
  await check('and wherever else it might stand', async () => {
    const status = await (await fetch(`${gateway.adminUrl}/status`)).json();
    const refusals = await (await fetch(`${gateway.adminUrl}/refusals`)).json();
    const page = await open(browser, gateway);
    // Every text that is told becomes hostile; what the page decides by stays.
    const kept = new Set(['state', 'outcome', 'verdict', 'time', 'read_at', 'at', 'access']);
    const spoil = (value, key) => {
      if (Array.isArray(value)) return value.map((one) => spoil(one, key));
      if (value && typeof value === 'object') {
        return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, spoil(one, name)]));
      }
      return typeof value === 'string' && !kept.has(key) ? HOSTILE : value;
    };
    const answer = (value) => (route) => route.fulfill({ json: spoil({ ...value, next: null }) });
    await page.route('**/status', answer(status));
    await page.route('**/refusals', answer(refusals));
    await page.route('**/explain', answer({ verdict: 'refuse', status: 401, code: 'x', route: 'y', steps: [{ step: 'z',
      outcome: 'fail', detail: 'd', remedy: 'r', compared: { what: 'aud', token: ['a'], configured: 'b' } }] }));
    await page.to();
    await page.waitForSelector('#content:not([hidden])');
    await explain(page, HOSTILE);
    await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
    for (const part of ['#verdict', '#answer', '#codes', '#last', '#issuer-list', '#route-table', '#upstream-table']) {
      const text = await page.textContent(part);
      assert.ok(text.includes('<img src=x onerror=alert(1)>\\u{202e}') && !text.includes('\u202e'), `${part}: ${text}`);
    }
    assert.equal(await page.locator('img').count(), 0);
    assert.deepEqual(page.wrong, []);
    await fitting(page);
    await page.context().close();
  });
}

async function explaining(browser, gateway) {
  const page = await shown(browser, gateway);
  const claims = { scope: 'orders:read' };
  const good = await gateway.issuer.token(3600, claims);
  await check('a good token passes', async () => {
    const { verdict, failed } = await explain(page, good, '/orders/42');
    assert.match(verdict, /It would pass/);
    assert.deepEqual(failed, []);
    assert.ok(await page.locator('#answer-steps .step.good').count() > 5);
  });
  await check('an expired one is refused at its step', async () => {
    const { verdict, failed } = await explain(page, `Bearer ${await gateway.issuer.token(-60, claims)}`);
    assert.match(verdict, /refused.*401.*token_expired/s);
    assert.deepEqual(failed, ['time']);
  });
  await check('so is one that is no token, and none at all', async () => {
    assert.match((await explain(page, 'abc')).verdict, /refused.*401/s);
    assert.match((await explain(page, '')).verdict, /token_missing/);
  });
  await check('a whole curl line is understood', async () => {
    const line = `curl -X POST https://api.example.com/payments/no-1 \\\n -H 'Authorization: Bearer ${good}'`;
    await page.fill('#paste', line);
    assert.ok(await page.isDisabled('#url'), 'the line says the URL');
    assert.match((await explain(page, line)).verdict, /403.*scope_insufficient/s);
  });
  await check('a bad question is told', async () => {
    await page.click('#question button[type=reset]');
    await page.click('#question summary');
    await page.fill('#fields', 'no field');
    await page.click('#question button[type=submit]');
    await page.waitForFunction(() => document.getElementById('question-error').textContent.includes('no field'));
    await page.fill('#fields', '');
    await page.fill('#from', 'here');
    await page.click('#question button[type=submit]');
    await page.waitForFunction(() => document.getElementById('question-error').textContent.includes('IP address'));
  });
  await check('explaining reaches no upstream and leaves the token nowhere', async () => {
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length, location.href]);
    assert.deepEqual(kept, ['', 0, 0, `${gateway.adminUrl}/`]);
    assert.equal(gateway.upstream.seen.filter(({ url }) => url === '/payments/no-1').length, 0);
  });
  await page.context().close();
}

async function living(browser, gateway) {
  const page = await shown(browser, gateway);
  await check('a refusal appears without a reload, and what is open stays open', async () => {
    await page.locator('#last summary').first().click();
    const before = await page.locator('#last > li').count();
    await refused(gateway, undefined, 401, 'token_missing', '/new/refusal');
    const summary = page.locator('#last summary').getByText('/new/refusal');
    await summary.waitFor({ timeout: 15_000 });
    assert.equal(await page.locator('#last > li').count(), Math.min(10, before + 1));
    assert.equal(await page.locator('#last details[open]').count(), 1);
    assert.equal(await page.locator('#last > li').first().locator('details[open]').count(), 0);
    await summary.click();
    assert.match(await page.locator('#last > li').first().innerText(), /passed\s+route.*failed\s+token/s);
  });
  await check('a code shows its own only', async () => {
    const button = page.getByRole('button', { name: 'token_expired' });
    await button.click();
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    const all = await page.locator('#last .sum').allInnerTexts();
    assert.ok(all.length > 0 && all.every((text) => text.includes('token_expired')), all.join());
    await button.click();
  });
  await check('paused, it asks no more', async () => {
    await page.click('#pause');
    assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'true');
    await page.waitForLoadState('networkidle');
    const before = page.asked.length;
    await page.clock.install();
    await page.clock.runFor(60_000);
    assert.equal(page.asked.length, before);
    await page.click('#pause');
    await page.waitForRequest('**/status');
  });
  await page.context().close();
}

async function locked(browser, gateway) {
  const page = await open(browser, gateway);
  await page.to();
  await page.waitForSelector('#secret:not([hidden])');
  await check('with a secret, nothing is shown before it is given', async () => {
    assert.equal(await page.isVisible('#content'), false);
    assert.ok(!(await page.content()).includes('idp.example.com'));
    assert.equal(await page.evaluate(() => document.activeElement.id), 'secret-value');
  });
  await check('a wrong one is told, the right one opens', async () => {
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('That is not the secret').waitFor();
    assert.equal(await page.isVisible('#content'), false);
    await page.keyboard.type(SECRET);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#content:not([hidden])');
    assert.match(await page.innerText('#issuer-list'), /idp\.example\.com/);
    assert.match((await explain(page, 'abc')).verdict, /refused/);
    // The browser logs each 401 that it saw.
    assert.ok(page.wrong.every((text) => text.includes('401')), page.wrong.join());
  });
  await check('it is kept in memory only: after a reload it is asked for again', async () => {
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]);
    assert.deepEqual(kept, ['', 0, 0]);
    assert.ok(page.asked.every((url) => !url.includes(SECRET)));
    await page.reload();
    await page.waitForSelector('#secret:not([hidden])');
    assert.deepEqual(await violations(page), []);
  });
  await page.context().close();
}

async function others(browser, gateway) {
  const evil = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title>');
  }).listen(0, '127.0.0.1');
  await once(evil, 'listening');
  await check('a page of another origin can neither ask nor reload nor frame', async () => {
    const page = await open(browser, { adminUrl: `http://localhost:${evil.address().port}/` });
    await page.to();
    const generation = (await gateway.status()).configuration.last_reload;
    const results = await page.evaluate(async (admin) => {
      const tried = async (path, options) => {
        try { return (await fetch(admin + path, options)).type; } catch { return 'blocked'; }
      };
      const body = JSON.stringify({ method: 'GET', url: '/' });
      const json = { 'content-type': 'application/json' };
      return [await tried('/status'), await tried('/explain', { method: 'POST', body, headers: json }),
        await tried('/status', { mode: 'no-cors' }), await tried('/reload', { method: 'POST', mode: 'no-cors' })];
    }, gateway.adminUrl);
    // The last was sent, and refused; of that a page learns nothing.
    assert.deepEqual(results.slice(0, 3), ['blocked', 'blocked', 'blocked']);
    assert.deepEqual((await gateway.status()).configuration.last_reload, generation);
    const framed = await page.evaluate(async (admin) => {
      const frame = document.createElement('iframe');
      frame.src = admin;
      const loaded = new Promise((resolve) => { frame.onload = resolve; });
      document.body.append(frame);
      await loaded;
      return frame.contentDocument === null;
    }, gateway.adminUrl);
    assert.ok(framed);
    assert.ok(page.frames().slice(1).every((frame) => !frame.url().startsWith(gateway.adminUrl)), 'an error page');
    await page.context().close();
  });
  await check('a name that was made to mean this machine is told nothing', async () => {
    const { port } = new URL(gateway.adminUrl);
    const page = await open(browser, { adminUrl: `http://rebound.example:${port}/` });
    const response = await page.to();
    assert.equal(response.status(), 421);
    const status = await page.evaluate(async () => (await fetch('/status')).status).catch(() => 421);
    assert.equal(status, 421);
    await page.context().close();
  });
  evil.close();
}

async function keyboard(browser, gateway) {
  const page = await shown(browser, gateway);
  await check('the keyboard reaches everything: to the box, a token, Enter', async () => {
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip to the content');
    await page.keyboard.press('Enter');
    for (let n = 0; n < 4 && await focused() !== 'paste'; n += 1) await page.keyboard.press('Tab');
    assert.equal(await focused(), 'paste');
    await page.keyboard.type('abc');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#answer:not([hidden])');
    assert.equal(await focused(), 'answer-title');
    assert.match(await page.textContent('#answer-title'), /It would be refused/);
    // On to the last refusals, one of which opens with Enter.
    for (let n = 0; n < 40 && !await page.evaluate(() => document.activeElement.matches('#last summary')); n += 1) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#last details[open]').count(), 1);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid', 'the focus is seen');
  });
  await check('every control has a name, and is large enough for a finger', async () => {
    const small = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, summary, nav a')]
      .filter((one) => one.checkVisibility()).map((one) => [one.id || one.textContent, one.getBoundingClientRect()])
      .filter(([, { width, height }]) => height < 44 || width < 44).map(([name]) => name));
    assert.deepEqual(small, []);
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send('Accessibility.getFullAXTree');
    const roles = ['button', 'textbox', 'searchbox', 'combobox', 'link', 'table', 'navigation', 'DisclosureTriangle'];
    const controls = nodes.filter(({ ignored, role }) => !ignored && roles.includes(role?.value));
    assert.ok(controls.length > 20, `${controls.length}`);
    assert.deepEqual(controls.filter(({ name }) => !name?.value?.trim()).map(({ role }) => role.value), []);
  });
  await page.context().close();
}

/** A picture of the page as a visitor finds it, for the documents. */
async function picture(page, name, asked) {
  if (asked) {
    await explain(page, asked, '/orders/42');
    await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  } else {
    await page.locator('#last summary').filter({ hasText: 'scope_insufficient' }).first().click();
    await page.evaluate(() => { document.activeElement.blur(); document.getElementById('last-title').scrollIntoView(); });
  }
  await page.screenshot({ path: path.join(docs, `page-${name}.png`) });
}

async function looks(browser, gateway) {
  const expired = await gateway.issuer.token(-7200, { scope: 'orders:read' });
  const all = [['light', 'light', WIDE], ['dark', 'dark', WIDE], ['phone', 'light', PHONE], ['phone-dark', 'dark', PHONE]];
  for (const [name, colorScheme, viewport] of all) {
    const isPhone = name === 'phone';
    const large = isPhone ? { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5 }
      : { viewport: { ...WIDE, height: 1000 } };
    if (process.env.UPDATE_SCREENSHOTS && name !== 'phone-dark') {
      const page = await shown(browser, gateway, { colorScheme, ...large });
      await picture(page, name, isPhone ? undefined : expired);
      await page.context().close();
    }
    const page = await shown(browser, gateway, { colorScheme, viewport });
    await explain(page, expired, '/orders/42');
    await check(`${name}: axe-core finds nothing, everything open`, async () => {
      assert.deepEqual(await violations(page), []);
    });
    await check(`${name}: no sideways scrolling`, () => fitting(page));
    await page.context().close();
  }
}

await scenario(async () => {
  const folder = scratch();
  const { program, env } = await install(folder);
  // What Chromium runs in tests may not have the rights that its sandbox needs.
  const browser = await chromium.launch({ executablePath: program, env, args: ['--headless=new', '--no-sandbox',
    '--host-resolver-rules=MAP rebound.example 127.0.0.1'] });
  const gateway = await startStage(folder);
  await haveTraffic(gateway);
  await loading(browser, gateway);
  await explaining(browser, gateway);
  await living(browser, gateway);
  await keyboard(browser, gateway);
  await others(browser, gateway);
  await looks(browser, gateway);
  await strangers(browser, gateway);
  const guarded = await startStage(scratch(), `token = "${SECRET}"`);
  await locked(browser, guarded);
  await browser.close();
});
