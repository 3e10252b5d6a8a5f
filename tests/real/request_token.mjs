// A gateway with a token service, and `portcullis request-token` as its client.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeJwt } from 'jose';
import {
  accepted, assert, check, complete, flipped, freePort, refused, scratch, startGateway, startUpstream,
} from './harness.mjs';

export const SERVICE = 'https://service.example.com';
const folder = scratch();
const file = (name) => path.join(folder, name);

/** The members of an answer of a token endpoint. */
const READ = {
  json: (text) => JSON.parse(text),
  urlencoded: (text) => Object.fromEntries(new URLSearchParams(text.trim())),
  xml: (text) => Object.fromEntries(
    [...text.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name, value]) => [name, value])),
};

/** A gateway that issues tokens: to `orders-batch`, which has a certificate, and to `orders-gateway`, whose keys are
 *  `jwks` and which may speak for two. */
export async function startService(jwks) {
  for (const name of ['orders-batch', 'another']) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
      '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)], { stdio: 'ignore' });
  }
  writeFileSync(file('gateway.jwks.json'), JSON.stringify(jwks));
  execFileSync(process.env.PORTCULLIS, ['keys', 'generate', '--directory', file('keys')]);
  return startGateway(folder, await startUpstream(), `
[signing]
directory = "keys"
[token_service]
enabled = true
[token_service.clients.orders-batch]
certificate_file = "orders-batch.crt"
scopes = ["orders:read"]
[token_service.clients.orders-gateway]
jwks_file = "gateway.jwks.json"
scopes = ["orders:read"]
subjects = ["alice", "bob"]
`, `public_url = "${SERVICE}"`);
}

/** Runs `portcullis request-token`. */
function requestToken(endpoint, key, ...more) {
  return complete(process.env.PORTCULLIS, ['request-token', '--endpoint', endpoint, '--key', key, ...more]);
}

/** `key` is one that the authorization server knows for its client `exchanger`. */
export async function requesting(gateway, server, key) {
  const endpoint = `${gateway.url}/oauth/token`;
  const usual = ['--issuer', 'orders-batch', '--subject', 'carol', '--audience', `${SERVICE}/oauth/token`];
  for (const [format, read] of Object.entries(READ)) {
    await check(`request-token: ${format}; the gateway takes the token`, async () => {
      const { code, output } = await requestToken(endpoint, file('orders-batch.key'), ...usual,
        '--scope', 'orders:read', '--format', format);
      assert.equal(code, 0, output);
      const answer = read(output);
      assert.deepEqual([answer.token_type, String(answer.expires_in), answer.scope],
        ['Bearer', '3600', 'orders:read']);
      const { headers } = await accepted(gateway, answer.access_token, '/plain/42');
      assert.deepEqual([headers['x-auth-issuer'], headers['x-auth-subject']], [SERVICE, 'carol']);
      assert.equal(headers.authorization, undefined);
      await refused(gateway, flipped(answer.access_token), 401, 'signature_invalid', '/plain/42');
    });
    await check(`request-token: ${format}; a key that is not the client's gives none, and 1`, async () => {
      const { code, output } = await requestToken(endpoint, file('another.key'), ...usual, '--format', format);
      assert.equal(code, 1, output);
      assert.ok(output.includes('invalid_grant') && !output.includes('access_token'), output);
    });
  }
  await check('request-token: private_key_jwt at the authorization server', async () => {
    const ask = (client) => requestToken(`${server.issuer}/token`, key,
      '--client-credentials', '--issuer', client, '--scope', 'orders:read');
    const { code, output } = await ask('exchanger');
    assert.equal(code, 0, output);
    assert.equal(decodeJwt(JSON.parse(output).access_token).client_id, 'exchanger');
    assert.equal((await ask('stranger')).code, 1);
  });
  await check('request-token: nobody there is 1, bad usage is 2', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}/token`;
    assert.equal((await requestToken(nobody, file('orders-batch.key'), ...usual)).code, 1);
    assert.equal((await requestToken(endpoint, file('no.key'), ...usual)).code, 2);
    assert.equal((await requestToken('http://192.0.2.1/', file('orders-batch.key'), ...usual)).code, 2);
    assert.equal((await complete(process.env.PORTCULLIS, ['request-token', '--endpoint', endpoint])).code, 2);
  });
}
