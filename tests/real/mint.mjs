// What `portcullis mint` signs, verified by npm's jose and PyPI's joserfc against what `portcullis keys` publishes;
// and `portcullis keys`, killed at any moment.

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, errors, generateKeyPair, jwtVerify } from 'jose';
import { assert, check, complete, flipped, kill, scenario, scratch, start } from './harness.mjs';

const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'ES256K',
  'EdDSA', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87',
];
// jose gave up secp256k1 in version 6, and takes ML-DSA from Node, which has it since 24.7. The Python side
// covers both.
const hasMlDsa = await generateKeyPair('ML-DSA-44').then(() => true, () => false);
const IN_JOSE = ALGORITHMS.filter((a) => a !== 'ES256K' && (hasMlDsa || !a.startsWith('ML-DSA')));
const ISSUER = 'https://portcullis.example';

function portcullis(...args) {
  return execFileSync(process.env.PORTCULLIS, args, { encoding: 'utf8' });
}

function minted(folder, algorithm) {
  const directory = path.join(folder, algorithm);
  portcullis('keys', 'generate', '--directory', directory, '--algorithm', algorithm);
  const jwks = JSON.parse(portcullis('keys', 'list', '--directory', directory, '--format', 'jwks'));
  const token = portcullis('mint', '--directory', directory, '--issuer', ISSUER, '--subject', 'älice',
    '--audience', 'a', '--audience', 'b', '--type', 'at+jwt', '--claim-json', 'n=[1,null,true]').trim();
  return { algorithm, jwks, token };
}

async function withJose({ algorithm, jwks, token }) {
  const rules = { issuer: ISSUER, audience: 'b', typ: 'at+jwt', algorithms: [algorithm] };
  const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), rules);
  assert.equal(payload.sub, 'älice');
  assert.deepEqual(payload.n, [1, null, true]);
  assert.equal(payload.exp - payload.iat, 300);
  await assert.rejects(jwtVerify(flipped(token), createLocalJWKSet(jwks), rules),
    errors.JWSSignatureVerificationFailed);
}

/** Whether joserfc takes each of these. */
function withJoserfc(cases) {
  const input = JSON.stringify(cases.map(({ token, jwks }) => ({ token, jwks })));
  return JSON.parse(execFileSync(process.env.PYTHON, ['verify.py'], { input, encoding: 'utf8' }));
}

/** The states of the keys; the directory must load. */
function states(directory) {
  const list = portcullis('keys', 'list', '--directory', directory, '--format', 'json');
  return JSON.parse(list).keys.map(({ state }) => state);
}

/** Rotates, and is killed after so many milliseconds. */
async function killed(directory, after) {
  const child = start(process.env.PORTCULLIS,
    ['keys', 'rotate', '--directory', directory, '--after', '0s', '--token-lifetime', '1s']);
  await pause(after);
  await kill(child);
}

await scenario(async () => {
  const folder = scratch();
  const cases = ALGORITHMS.map((algorithm) => minted(folder, algorithm));
  for (const one of cases.filter(({ algorithm }) => IN_JOSE.includes(algorithm))) {
    await check(`${one.algorithm}: jose takes the token, and not with a changed bit`, () => withJose(one));
  }
  const good = withJoserfc(cases);
  const bad = withJoserfc(cases.map((one) => ({ ...one, token: flipped(one.token) })));
  for (const [number, { algorithm }] of cases.entries()) {
    await check(`${algorithm}: joserfc takes the token, and not with a changed bit`, () => {
      assert.deepEqual([good[number], bad[number]], [true, false]);
    });
  }
  await check('openssl reads a key of the directory', async () => {
    const directory = path.join(folder, 'ES256');
    const file = readdirSync(directory).find((name) => name.endsWith('.pem'));
    const { code, output } = await complete('openssl', ['pkey', '-noout', '-in', path.join(directory, file)]);
    assert.equal(code, 0, output);
  });
  await check('a rotation that is killed leaves one key that signs, and can be done again', async () => {
    const directory = path.join(folder, 'killed');
    portcullis('keys', 'generate', '--directory', directory);
    for (let after = 0; after < 24; after += 1) {
      await killed(directory, after / 2);
      assert.equal(states(directory).filter((state) => state === 'signing').length, 1);
    }
    portcullis('keys', 'rotate', '--directory', directory, '--after', '0s');
    assert.ok(states(directory).length > 1);
    portcullis('mint', '--directory', directory, '--lifetime', '1s');
  });
  rmSync(folder, { recursive: true, force: true });
});
