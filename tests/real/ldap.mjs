// A user registry in OpenLDAP: over TLS, with a pool, and on bad days.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  accepted, assert, bearer, check, complete, kill, scenario, scratch, startGateway, startUpstream,
  stop, until,
} from './harness.mjs';
import { ADMIN, certificates, install, PASSWORD, startSlapd } from './slapd.mjs';

const ISSUER = 'https://idp.example.com';
const folder = scratch();
const MANY = 60;

const person = (uid, more = '', dn = `uid=${uid}`) => `
dn: ${dn},ou=people,dc=example
objectClass: inetOrgPerson
cn: ${uid}
sn: ${uid}
uid: ${uid}
${more}`;
const group = (name, members) => `
dn: cn=${name},ou=groups,dc=example
objectClass: groupOfNames
cn: ${name}
${members.map((uid) => `member: uid=${uid},ou=people,dc=example`).join('\n')}
`;
const crowd = Array.from({ length: MANY }, (_, n) => `user${n}`);
const entries = (...people) => `dn: dc=example
objectClass: organization
objectClass: dcObject
dc: example
o: example

dn: ou=people,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example
objectClass: organizationalUnit
ou: groups
${people.join('')}`;
const everybody = entries(
  person('alice', 'employeeNumber: 4711\nou: direct\nseeAlso: cn=by name,ou=x,dc=example\n'),
  person('bob'),
  person('odd*one'),
  person('twin', '', 'cn=first'),
  person('twin', '', 'cn=second'),
  ...crowd.map((uid) => person(uid)),
  group('staff', ['alice', ...crowd]),
  group('order clerks', ['alice']),
);

let privateKey;
const token = (sub, claims = {}) =>
  new SignJWT({ groupIds: ['admins'], ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(ISSUER).setSubject(sub).setExpirationTime('1h').sign(privateKey);

/** The configuration of a gateway with this registry. */
function configuration(registry) {
  return `
[user_registry]
bind_dn = "${ADMIN}"
bind_password_file = "password"
base_dn = "ou=people,dc=example"
timeout = "1s"
${registry}
[issuers."${ISSUER}"]
jwks_file = "jwks.json"
audiences = ["ALL_AUDIENCES"]
`;
}

const BY_SEARCH = 'group_filter = "(member={dn})"\ngroup_base_dn = "ou=groups,dc=example"';

/** The request is refused, and the upstream sees nothing. */
async function denied(gateway, bearing, status, code) {
  const before = gateway.upstream.seen.length;
  const response = await fetch(`${gateway.url}/`, bearer(bearing));
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(JSON.parse(text).code, code);
  assert.equal(gateway.upstream.seen.length, before, 'the upstream sees nothing');
}

const groups = (seen) => seen.headers['x-auth-groups']?.split(',').sort().join(',');

await scenario(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  privateKey = pair.privateKey;
  const jwk = { ...await exportJWK(pair.publicKey), kid: 'k', alg: 'ES256' };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  writeFileSync(path.join(folder, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
  writeFileSync(path.join(folder, 'wrong'), 'wrong\n', { mode: 0o600 });

  const slapd = await install(folder);
  const tls = await certificates(folder, 'good');
  const other = await certificates(folder, 'other');
  let server = await startSlapd(slapd, folder, tls, everybody);
  const { plain, safe } = server.ports;
  const upstream = await startUpstream();
  const gatewayWith = (registry) => startGateway(folder, upstream, configuration(registry));
  const ldaps = `url = "ldaps://127.0.0.1:${safe}"\nca_file = "${tls.ca}"`;
  const startTls = `url = "ldap://localhost:${plain}"\nstart_tls = true\nca_file = "${tls.ca}"`;

  for (const [name, url] of [['TLS', ldaps], ['StartTLS', startTls]]) {
    const gateway = await gatewayWith(`${url}\n${BY_SEARCH}\nunique_name_attribute = "employeeNumber"`);
    await check(`registered groups count, over ${name}`, async () => {
      const { headers } = await accepted(gateway, await token('alice'));
      assert.equal(groups({ headers }), 'order clerks,staff');
      assert.equal(headers['x-auth-subject'], 'alice');
      assert.equal(headers['x-auth-unique-name'], '4711');
    });
    await check(`who is not there does not come in, over ${name}`, async () => {
      for (const sub of ['carol', '*', 'a*', 'alice)(uid=*', 'x)(|(uid=*', '\\2a', 'alice\\00', 'odd?one', '{dn}']) {
        await denied(gateway, await token(sub), 403, 'user_unknown');
      }
    });
    await check(`a crowd shares a few connections, over ${name}`, async () => {
      const accepts = () => server.child.output.split(' ACCEPT ').length;
      const before = accepts();
      const all = await gatewayWith(`${url}\n${BY_SEARCH}\npool_size = 3`);
      const tokens = await Promise.all(crowd.map((uid) => token(uid)));
      const answers = await Promise.all(tokens.map((bearing) => fetch(`${all.url}/`, bearer(bearing))));
      for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
      const connections = accepts() - before;
      assert.ok(connections >= 1 && connections <= 3, `${connections} connections`);
      await stop(all.child);
    });
    await stop(gateway.child);
  }

  await check('an asterisk in a name is an asterisk, and two entries are nobody', async () => {
    const gateway = await gatewayWith(`${ldaps}\n${BY_SEARCH}\nunique_name_attribute = ""`);
    const { headers } = await accepted(gateway, await token('odd*one'));
    assert.equal(headers['x-auth-groups'], undefined);
    await denied(gateway, await token('twin'), 403, 'user_unknown');
    await stop(gateway.child);
  });

  for (const [attribute, holds, expected] of [['ou', 'name', 'direct'], ['seeAlso', 'dn', 'by name']]) {
    await check(`groups from an attribute that holds a ${holds}`, async () => {
      const gateway = await gatewayWith(
        `${ldaps}\nuser_attribute = "uid"\ngroup_attribute = "${attribute}"\ngroup_attribute_holds = "${holds}"`);
      const { headers } = await accepted(gateway, await token('ALICE'));
      assert.equal(headers['x-auth-subject'], 'alice');
      assert.equal(headers['x-auth-groups'], expected);
      await stop(gateway.child);
    });
  }

  await check('explain asks the directory, and says so', async () => {
    const gateway = await gatewayWith(`${ldaps}\n${BY_SEARCH}`);
    const explain = async (sub) => complete(process.env.PORTCULLIS, ['explain', '-c',
      path.join(folder, 'portcullis.toml'), '--format', 'json', await token(sub)]);
    const allowed = await explain('alice');
    assert.equal(allowed.code, 0, allowed.output);
    assert.match(allowed.output, /asked the user registry ldaps:.*: it is alice, in /);
    const refused = await explain('carol');
    assert.equal(refused.code, 3);
    assert.match(refused.output, /not in the user registry: asked the user registry ldaps:/);
    await stop(gateway.child);
  });

  for (const [name, registry] of [
    ['a wrong password', `${ldaps}\n${BY_SEARCH}`.concat('\n# wrong')],
    ['an authority that nobody trusts', ldaps.replace(tls.ca, other.ca)],
    ['an authority that nobody trusts, after StartTLS', startTls.replace(tls.ca, other.ca)],
    ['a base that is not there', `${ldaps}\ngroup_filter = "(member={dn})"\ngroup_base_dn = "ou=none,dc=example"`],
  ]) {
    await check(`${name} is an outage`, async () => {
      let text = configuration(registry);
      if (name === 'a wrong password') text = text.replace('"password"', '"wrong"');
      const gateway = await startGateway(folder, upstream, text);
      await denied(gateway, await token('alice'), 503, 'registry_unavailable');
      await stop(gateway.child);
    });
  }

  const gateway = await gatewayWith(`${ldaps}\n${BY_SEARCH}\ncache = "2s"`);
  const bob = await token('bob');
  await check('a server that stands still is an outage within the time-out', async () => {
    await accepted(gateway, bob);
    server.child.kill('SIGSTOP');
    const began = Date.now();
    await denied(gateway, await token('user1'), 503, 'registry_unavailable');
    const took = Date.now() - began;
    server.child.kill('SIGCONT');
    assert.ok(took >= 900 && took < 5_000, `${took} ms`);
    await accepted(gateway, await token('user1'));
  });
  await check('a server that is gone is an outage, and nobody is taken for unknown', async () => {
    await kill(server.child);
    await denied(gateway, await token('user2'), 503, 'registry_unavailable');
    await denied(gateway, await token('carol'), 503, 'registry_unavailable');
  });
  await check('a server that is back is asked again, and who was removed is soon out', async () => {
    server = await startSlapd(slapd, folder, tls, entries(person('alice')), server.ports);
    await accepted(gateway, await token('alice'));
    const status = async () => (await fetch(`${gateway.url}/`, bearer(bob))).status;
    await until('bob is out', gateway.child, async () => await status() === 403);
  });
  await check('the password is in no log', async () => {
    assert.ok(!gateway.child.output.includes(PASSWORD));
    assert.ok(gateway.child.output.includes('registry_unavailable'));
  });
});
