// gRPC's own server and client, with the gateway between them: HTTP/2 from end to end.

import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { assert, check as checked, complete, scenario, scratch, start, startGateway, until } from './harness.mjs';

const ISSUER = 'https://idp.example.com';
const folder = scratch();
const script = path.join(import.meta.dirname, 'orders.py');

/** An authority, and a certificate by it for this machine; both hops use it. */
async function certificates() {
  const at = (name) => path.join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const run = async (...args) => {
    const { code, output } = await complete('openssl', args);
    assert.equal(code, 0, output);
  };
  await run('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '30', '-subj', '/CN=authority');
  await run('req', ...key, '-keyout', at('own.key'), '-out', at('own.csr'), '-subj', '/CN=own');
  writeFileSync(at('own.ext'), 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  await run('x509', '-req', '-in', at('own.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial',
    '-days', '30', '-extfile', at('own.ext'), '-out', at('own.pem'));
  for (const name of ['ca.key', 'own.key']) {
    chmodSync(at(name), 0o600);
  }
  return { ca: at('ca.pem'), own: [at('own.pem'), at('own.key')] };
}

await scenario(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...await exportJWK(pair.publicKey), kid: 'k', alg: 'ES256' };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(ISSUER).setSubject('alice').setExpirationTime('1h').sign(pair.privateKey);
  await everyKind(token, null);
  await everyKind(token, await certificates());
});

/** Calls every kind of method through a gateway, without TLS or with it on both sides. */
async function everyKind(token, tls) {
  const check = (name, work) => checked(`${tls ? 'over TLS' : 'without TLS'}: ${name}`, work);
  const server = start(process.env.PYTHON, [script, 'serve', ...tls?.own ?? []]);
  const port = await until('the server has a port', server, () => /^\d+/.exec(server.output)?.[0]);
  const url = `${tls ? 'https' : 'h2c'}://127.0.0.1:${port}`;
  const gateway = await startGateway(folder, { url }, `
${tls ? 'protocol = "http2"\n[upstream.tls]\nca_file = "ca.pem"' : ''}
[issuers."${ISSUER}"]
jwks_file = "jwks.json"
audiences = ["ALL_AUDIENCES"]
`, tls ? '[server.tls]\ncertificate_file = "own.pem"\nprivate_key_file = "own.key"' : 'http2_cleartext = true');
  const { code, output } = await complete(process.env.PYTHON,
    [script, 'call', new URL(gateway.url).port, token, ...tls ? [tls.ca] : []]);
  assert.equal(code, 0, output);
  const came = JSON.parse(output);

  await check('a unary call comes back with its trailers, but not with those of the gateway', () => {
    assert.deepEqual(came.unary.answer, { got: 'hello', subject: 'alice' });
    assert.equal(came.unary.trailers['x-sum'], '7');
    assert.equal(came.unary.trailers['x-auth-subject'], undefined);
  });
  await check('nobody says who they are', () => assert.equal(came.spoofed.answer.subject, 'alice'));
  await check('an error keeps its status, its text and its details', () => {
    assert.equal(came.fail.code, 'FAILED_PRECONDITION');
    assert.equal(came.fail.details, 'not \u00fcberall');
    assert.equal(came.fail.trailers['grpc-status-details-bin'], Buffer.from('\x08\x05details').toString('hex'));
  });
  await check('a stream of the server', () => assert.equal(came.down, 2_000_000));
  await check('a stream of the client', () => assert.equal(came.up, '2000000'));
  await check('both at once', () =>
    assert.deepEqual(came.both, { answers: ['A', 'B', 'C'], left: 0 }));
  await check('a deadline ends a stream', () =>
    assert.deepEqual(came.deadline, { code: 'DEADLINE_EXCEEDED', ticked: true }));
  await check('without a token a call is not authenticated', () => {
    assert.equal(came.missing.code, 'UNAUTHENTICATED');
    assert.equal(came.missing.details, 'The request carries no token.');
  });
  await check('with a bad one neither', () => {
    assert.equal(came.bad.code, 'UNAUTHENTICATED');
    assert.ok(came.bad.trailers['x-request-id'], JSON.stringify(came.bad));
  });
  await check('what the server does not know it says itself', () =>
    assert.equal(came.unknown.code, 'UNIMPLEMENTED'));
}
