// Tokens and key sets that other libraries make: npm's jose and PyPI's joserfc.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SignJWT, exportJWK, generateKeyPair, generateSecret } from 'jose';
import {
  accepted, assert, check, flipped, refused, scenario, scratch, startGateway, startUpstream,
} from './harness.mjs';

const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'ES256K',
  'EdDSA', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87', 'HS256', 'HS384', 'HS512',
];
// jose gave up secp256k1 in version 6, and takes ML-DSA from Node, which has it since 24.7. The Python side
// covers both.
const NOT_IN_JOSE = ['ES256K', ...(await hasMlDsa() ? [] : ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'])];

function hasMlDsa() {
  return generateKeyPair('ML-DSA-44').then(() => true, () => false);
}

const now = Math.floor(Date.now() / 1000);

async function newKey(algorithm) {
  if (algorithm.startsWith('HS')) {
    const secret = await generateSecret(algorithm, { extractable: true });
    return { privateKey: secret, publicKey: secret };
  }
  return generateKeyPair(algorithm, { extractable: true });
}

async function withJose(algorithm) {
  const [key, stranger] = [await newKey(algorithm), await newKey(algorithm)];
  const kid = `jose-${algorithm}`;
  const issuer = `https://jose.example/${algorithm}`;
  const sign = ({ privateKey }) => new SignJWT({ sub: 'alice' })
    .setProtectedHeader({ alg: algorithm, kid, typ: 'at+jwt' })
    .setIssuer(issuer).setIssuedAt(now).setExpirationTime(now + 3600)
    .sign(privateKey);
  const jwk = { ...await exportJWK(key.publicKey), kid, alg: algorithm, use: 'sig' };
  return {
    algorithm,
    issuer,
    jwks: { keys: [jwk] },
    good: await sign(key),
    wrong_key: await sign(stranger),
  };
}

function withJoserfc(algorithms) {
  const input = JSON.stringify({ now, algorithms });
  return JSON.parse(execFileSync(process.env.PYTHON, ['sign.py'], { input, encoding: 'utf8' }));
}

await scenario(async () => {
  const cases = [
    ...await Promise.all(ALGORITHMS.filter((a) => !NOT_IN_JOSE.includes(a)).map(withJose)),
    ...withJoserfc(ALGORITHMS),
  ];
  const folder = scratch();
  const issuers = cases.map(({ algorithm, issuer, jwks }, number) => {
    writeFileSync(path.join(folder, `${number}.json`), JSON.stringify(jwks), { mode: 0o600 });
    return `
[issuers."${encodeURIComponent(issuer)}"]
jwks_file  = "${number}.json"
algorithms = ["${algorithm}"]
`;
  });
  const gateway = await startGateway(folder, await startUpstream(), issuers.join(''));
  for (const { issuer, good, wrong_key: wrongKey } of cases) {
    await check(`${issuer}: a token passes`, async () => {
      const { headers } = await accepted(gateway, good);
      assert.equal(headers['x-auth-issuer'], issuer);
    });
    await check(`${issuer}: one changed byte does not`, () =>
      refused(gateway, flipped(good), 401, 'signature_invalid'));
    await check(`${issuer}: another key of its kind does not`, () =>
      refused(gateway, wrongKey, 401, 'signature_invalid'));
  }
});
