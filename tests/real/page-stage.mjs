// A gateway that has something to show: issuers with and without keys, routes, upstreams, refusals.

import net from 'node:net';
import { makeIssuer } from './issuer.mjs';
import { bearer, freePort, startGateway, startUpstream } from './harness.mjs';

/** What a stranger might write into everything that is shown. */
export const HOSTILE = '<img src=x onerror=alert(1)>\u202e';

export async function startStage(folder, adminKeys = '') {
  const issuer = await makeIssuer(folder);
  const upstream = await startUpstream();
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const gateway = await startGateway(folder, upstream, `
[upstreams.payments]
urls = ["${upstream.url}", "${nobody}"]
[upstreams.payments.ejection]
failures = 1

[[routes]]
host = "api.example.com"
path = "/payments/{id}"
methods = ["POST"]
scopes = ["payments:write"]
upstream = "payments"
[[routes]]
path = "/orders/{id}"
methods = ["GET", "PUT", "DELETE"]
any_scopes = ["orders:read", "orders:write"]
[[routes]]
path = "/health"
access = "public"
[[routes]]
path = "/{*rest}"
${issuer.configuration}
[issuers."https://login.partner.example"]
jwks_uri = "${nobody}/keys"
audiences = ["https://api.example.com"]
[issuers."https://old.example.com"]
jwks_uri = "${nobody}/old"
audiences = ["https://api.example.com"]
active = false
`, '', [], adminKeys);
  return { ...gateway, issuer };
}

/** Sends these bytes, and takes what comes back. */
async function raw(gateway, text) {
  const { hostname, port } = new URL(gateway.url);
  const socket = net.connect(Number(port), hostname);
  socket.end(text);
  let answer = '';
  for await (const part of socket.setEncoding('utf8')) answer += part;
  return answer;
}

/** Requests of many kinds, good and bad; one of them says what is hostile wherever it can. */
export async function haveTraffic(gateway) {
  const scope = { scope: 'orders:read' };
  const get = async (target, token) => (await fetch(gateway.url + target, bearer(token))).text();
  for (let n = 0; n < 3; n += 1) await get('/orders/42', await gateway.issuer.token(3600, scope));
  for (let n = 0; n < 6; n += 1) await get(`/orders/${n}`, await gateway.issuer.token(-600, scope));
  for (let n = 0; n < 4; n += 1) await get('/reports/2026');
  for (let n = 0; n < 2; n += 1) await get('/orders/7', await gateway.issuer.token());
  await get('/orders/8', 'abc');
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = { alg: 'ES256', kid: HOSTILE, typ: HOSTILE };
  for (const iss of [HOSTILE, 'https://idp.example.com/real']) {
    const token = `${part(head)}.${part({ iss, [HOSTILE]: 1, exp: 1 })}.AAAA`;
    await get('/orders/9', token);
  }
  const pays = await gateway.issuer.token(3600, { scope: 'payments:write' });
  for (let n = 0; n < 8; n += 1) {
    await raw(gateway, `POST /payments/${n} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${pays}\r\n`
      + 'Content-Length: 0\r\nConnection: close\r\n\r\n');
  }
  await raw(gateway, `GET /orders/<img/src=x/onerror=alert(1)> HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
  await get(`/orders/${encodeURIComponent(HOSTILE)}`);
}
