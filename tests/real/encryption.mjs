// Tokens that other libraries encrypt: npm's jose and PyPI's joserfc, every algorithm with every encryption.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CompactEncrypt, SignJWT, base64url, exportJWK, exportPKCS8, generateKeyPair, importJWK,
} from 'jose';
import {
  accepted, assert, check, flipped, refused, scenario, scratch, startGateway, startUpstream,
} from './harness.mjs';

const ISSUER = 'https://encrypting.example';
const ENCRYPTIONS = {
  A128GCM: 16, A192GCM: 24, A256GCM: 32,
  'A128CBC-HS256': 32, 'A192CBC-HS384': 48, 'A256CBC-HS512': 64,
};
const AGREEMENTS = ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW'];
const CURVES = ['P-256', 'P-384', 'P-521', 'X25519'];
const WRAPS = { A128KW: 16, A192KW: 24, A256KW: 32 };

const now = Math.floor(Date.now() / 1000);

function secret(kid, alg, length) {
  const k = base64url.encode(crypto.getRandomValues(new Uint8Array(length)));
  return { kty: 'oct', kid, alg, k };
}

/** What is encrypted with which key: [alg, enc, private JWK]. */
async function combinations() {
  const pairs = async (alg, options) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
    return { pem: await exportPKCS8(privateKey), jwk: await exportJWK(privateKey) };
  };
  const rsa = await pairs('RSA-OAEP-256');
  const curves = await Promise.all(CURVES.map(async (crv) => {
    const { jwk } = await pairs('ECDH-ES', { crv });
    return { ...jwk, kid: crv };
  }));
  const wraps = Object.entries(WRAPS).map(([alg, length]) => secret(alg, alg, length));
  const direct = Object.entries(ENCRYPTIONS).map(([enc, length]) => secret(enc, 'dir', length));
  const all = [];
  for (const enc of Object.keys(ENCRYPTIONS)) {
    for (const alg of ['RSA-OAEP', 'RSA-OAEP-256']) all.push([alg, enc, { ...rsa.jwk, kid: 'rsa' }]);
    for (const jwk of curves) for (const alg of AGREEMENTS) all.push([alg, enc, jwk]);
    for (const jwk of wraps) all.push([jwk.alg, enc, jwk]);
    all.push(['dir', enc, direct.find(({ kid }) => kid === enc)]);
  }
  return { all, pem: rsa.pem, jwks: { keys: [...curves, ...wraps, ...direct] } };
}

function publicHalf({ d, p, q, dp, dq, qi, ...jwk }) {
  return jwk;
}

async function withJose(inside, [alg, enc, jwk]) {
  const key = await importJWK(publicHalf(jwk), jwk.kty === 'oct' ? enc : alg);
  return new CompactEncrypt(new TextEncoder().encode(inside))
    .setProtectedHeader({ alg, enc, cty: 'JWT', kid: jwk.kid })
    .encrypt(key);
}

function withJoserfc(inside, all) {
  const input = JSON.stringify(all.map(([alg, enc, jwk]) => ({ alg, enc, jwk: publicHalf(jwk), inside })));
  const output = execFileSync(process.env.PYTHON, ['encrypt.py'], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  return JSON.parse(output);
}

await scenario(async () => {
  const folder = scratch();
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const { privateKey: stranger } = await generateKeyPair('ES256', { extractable: true });
  const sign = (key) => new SignJWT({ sub: 'alice' })
    .setProtectedHeader({ alg: 'ES256', kid: 'signing', typ: 'at+jwt' })
    .setIssuer(ISSUER).setIssuedAt(now).setExpirationTime(now + 3600).sign(key);
  const [good, forged] = [await sign(privateKey), await sign(stranger)];
  const { all, pem, jwks } = await combinations();
  const write = (name, text) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write('signing.json', JSON.stringify({ keys: [{ ...await exportJWK(publicKey), kid: 'signing' }] }));
  write('rsa.pem', pem);
  write('keys.json', JSON.stringify(jwks));
  const gateway = await startGateway(folder, await startUpstream(), `
[decryption]
private_key_file = ["rsa.pem", "keys.json"]
required = true

[issuers."${encodeURIComponent(ISSUER)}"]
jwks_file = "signing.json"
`);
  await check('a token that is only signed does not pass', () =>
    refused(gateway, good, 401, 'encryption_required'));
  const theirs = withJoserfc(good, all);
  const theirForged = withJoserfc(forged, all);
  for (const [number, combination] of all.entries()) {
    const [alg, enc, { kid }] = combination;
    const name = `${alg} with ${enc} for ${kid}`;
    for (const [library, token, other] of [
      ['jose', await withJose(good, combination), await withJose(forged, combination)],
      ['joserfc', theirs[number], theirForged[number]],
    ]) {
      await check(`${library}: ${name}: a token passes`, async () => {
        const { headers } = await accepted(gateway, token);
        assert.equal(headers['x-auth-issuer'], ISSUER);
      });
      await check(`${library}: ${name}: a foreign signature inside does not`, () =>
        refused(gateway, other, 401, 'signature_invalid'));
      await check(`${library}: ${name}: one changed byte does not`, () =>
        refused(gateway, touched(token), 401, 'decryption_failed'));
    }
  }
});

/** `token` with one character in the middle of its ciphertext changed. */
function touched(token) {
  const parts = token.split('.');
  const [, , ciphertext] = flipped(`a.b.${parts[3]}`).split('.');
  return [...parts.slice(0, 3), ciphertext, parts[4]].join('.');
}
