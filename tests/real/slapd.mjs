// OpenLDAP's server from Debian's package, unpacked into a folder of the test: nothing is installed on the
// machine, and no service begins.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, unpack } from './debian.mjs';
import { freePort, start, until } from './harness.mjs';

export const ADMIN = 'cn=gateway,dc=example';
export const PASSWORD = 'a password of the test';

/** Downloads and unpacks slapd and the libraries that it needs. Fails when that cannot be done. */
export async function install(folder) {
  const { file: program, root: inner, env } = await unpack(folder, 'slapd', 'slapd');
  // The same program, by another name, fills a database.
  const slapadd = path.join(folder, 'slapadd');
  symlinkSync(program, slapadd);
  return { inner, program, slapadd, env };
}

/** An authority, and a certificate of it for localhost and 127.0.0.1. */
export async function certificates(folder, name) {
  const at = (file) => path.join(folder, `${name}-${file}`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'),
    '-days', '2', '-subj', `/CN=${name} authority`, '-addext', 'basicConstraints=critical,CA:TRUE']);
  await run('openssl', ['req', ...key, '-keyout', at('key.pem'), '-out', at('csr.pem'), '-subj', '/CN=ldap']);
  writeFileSync(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await run('openssl', ['x509', '-req', '-in', at('csr.pem'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'),
    '-CAcreateserial', '-days', '2', '-extfile', at('ext'), '-out', at('cert.pem')]);
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') };
}

/** A server with these entries (LDIF), on ports of its own. `again` starts it once more, with others. */
export async function startSlapd(slapd, folder, tls, ldif, ports) {
  const own = ports ?? { plain: await freePort(), safe: await freePort() };
  const home = path.join(folder, `data-${Math.random().toString(36).slice(2)}`);
  mkdirSync(home);
  const file = path.join(home, 'slapd.conf');
  const schema = (name) => `include ${slapd.inner}/etc/ldap/schema/${name}.schema`;
  writeFileSync(file, `
${['core', 'cosine', 'inetorgperson'].map(schema).join('\n')}
modulepath ${slapd.inner}/usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${tls.ca}
TLSCertificateFile ${tls.cert}
TLSCertificateKeyFile ${tls.key}
database mdb
suffix "dc=example"
rootdn "${ADMIN}"
rootpw "${PASSWORD}"
directory ${home}
access to * by * none
`);
  writeFileSync(path.join(home, 'data.ldif'), ldif);
  const options = { env: slapd.env };
  await run(slapd.slapadd, ['-f', file, '-l', path.join(home, 'data.ldif')], options);
  const urls = `ldap://127.0.0.1:${own.plain}/ ldaps://127.0.0.1:${own.safe}/`;
  const child = start(slapd.program, ['-f', file, '-h', urls, '-d', '256'], options);
  await until('slapd has started', child, () => child.output.includes('slapd starting'));
  return { child, ports: own };
}
