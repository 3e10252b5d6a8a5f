// An issuer whose key stands in the configuration, for scenarios that are not about issuers.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

export const ISSUER = 'https://idp.example.com/real';

/** The key's configuration and a function that signs tokens with it. */
export async function makeIssuer(folder) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...await exportJWK(publicKey), kid: 'k1', alg: 'ES256', use: 'sig' };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  const configuration = `
[issuers."${ISSUER}"]
jwks_file = "jwks.json"
audiences = ["https://api.example.com"]
`;
  const token = (lifetime = 3600, claims = {}) => new SignJWT({ sub: 'alice', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(ISSUER).setAudience('https://api.example.com').setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
    .sign(privateKey);
  return { configuration, token };
}
