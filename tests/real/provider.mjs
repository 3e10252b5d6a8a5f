// A real OpenID provider: node provider.mjs PORT JWKS_FILE
// It gives RS256 `at+jwt` access tokens by client credentials, for the resources that it knows.

import { readFileSync } from 'node:fs';
import { Provider, errors } from 'oidc-provider';

const [port, jwksFile] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const SCOPE = 'orders:read orders:write';
const RESOURCES = ['https://api.example.com', 'https://other.example.com'];

const provider = new Provider(issuer, {
  jwks: JSON.parse(readFileSync(jwksFile, 'utf8')),
  cookies: { keys: ['not a secret: nobody logs in here'] },
  scopes: SCOPE.split(' '),
  clients: [{
    client_id: 'orders-web',
    client_secret: 'a-secret-of-the-test',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: SCOPE,
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (!RESOURCES.includes(resource)) throw new errors.InvalidTarget();
        return {
          scope: SCOPE,
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
