// gRPC's own server and client, with the gateway between them: HTTP/2 from end to end.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { assert, check, complete, scenario, scratch, start, startGateway, until } from './harness.mjs';

const ISSUER = 'https://idp.example.com';
const folder = scratch();
const script = path.join(import.meta.dirname, 'orders.py');

await scenario(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...await exportJWK(pair.publicKey), kid: 'k', alg: 'ES256' };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(ISSUER).setSubject('alice').setExpirationTime('1h').sign(pair.privateKey);

  const server = start(process.env.PYTHON, [script, 'serve']);
  const port = await until('the server has a port', server, () => /^\d+/.exec(server.output)?.[0]);
  const gateway = await startGateway(folder, { url: `h2c://127.0.0.1:${port}` }, `
[issuers."${ISSUER}"]
jwks_file = "jwks.json"
audiences = ["ALL_AUDIENCES"]
`, 'http2_cleartext = true');
  const { code, output } = await complete(process.env.PYTHON,
    [script, 'call', new URL(gateway.url).port, token]);
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
});
