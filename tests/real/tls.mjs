// TLS with real clients and a real upstream: curl and openssl in front, nginx (Debian's package) behind.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { program, run } from './debian.mjs';
import {
  assert, check, complete, freePort, scenario, scratch, start, startUpstream, stop, until,
} from './harness.mjs';

const ISSUER = 'https://idp.example.com';
const folder = scratch();
const at = (name) => path.join(folder, name);

/** An authority, or with `by` a certificate of it for this name and 127.0.0.1. */
async function certificate(name, by, days = '2') {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`)];
  if (!by) {
    return run('openssl', ['req', '-x509', ...key, '-out', at(`${name}.pem`), '-days', days,
      '-subj', `/CN=${name} authority`, '-addext', 'basicConstraints=critical,CA:TRUE']);
  }
  await run('openssl', ['req', ...key, '-out', at(`${name}.csr`), '-subj', `/O=Acme/CN=${name}`]);
  writeFileSync(at(`${name}.ext`), `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
  return run('openssl', ['x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`),
    '-CAcreateserial', '-days', days, '-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)]);
}

/** nginx with TLS, which asks for a certificate of `clients`. */
async function startNginx() {
  const port = await freePort();
  writeFileSync(at('nginx.conf'), `
worker_processes 1;
daemon off;
pid ${at('nginx.pid')};
error_log ${at('nginx.err')};
events {}
http {
  access_log ${at('nginx.log')};
  client_body_temp_path ${at('body')};
  proxy_temp_path ${at('proxy')};
  fastcgi_temp_path ${at('fastcgi')};
  uwsgi_temp_path ${at('uwsgi')};
  scgi_temp_path ${at('scgi')};
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${at('orders.internal.pem')};
    ssl_certificate_key ${at('orders.internal.key')};
    ssl_client_certificate ${at('clients.pem')};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_verify_client on;
    location / {
      default_type application/json;
      return 200 '{"protocol":"$ssl_protocol","name":"$ssl_server_name","client":"$ssl_client_s_dn","reused":"$ssl_session_reused","connection":"$connection"}';
    }
    location /close { keepalive_timeout 0; default_type application/json; return 200 '{"reused":"$ssl_session_reused"}'; }
  }
}
`);
  const { file, env } = await program(folder, 'nginx', 'nginx');
  const child = start(file, ['-c', at('nginx.conf'), '-p', folder], { env });
  await until('nginx is ready', child, async () =>
    (await complete('openssl', ['s_client', '-connect', `127.0.0.1:${port}`], { stdio: ['ignore', 'pipe', 'pipe'] }))
      .output.includes('BEGIN CERTIFICATE'));
  return { child, url: `https://127.0.0.1:${port}` };
}

/** A gateway with TLS in front of `upstream`. */
async function startGateway(name, upstream, jwk, more = '', upstreamTls = '') {
  const [port, admin] = [await freePort(), await freePort()];
  writeFileSync(at(`${name}.toml`), `
[server]
listen = "127.0.0.1:${port}"
workers = 2
[server.tls]
certificates = [
  { certificate_file = "api.example.com.pem", private_key_file = "api.example.com.key" },
  { certificate_file = "shop.example.com.pem", private_key_file = "shop.example.com.key" },
]
${more}
[admin]
listen = "127.0.0.1:${admin}"
[upstream]
url = "${upstream.url}"
${upstreamTls}
[issuers."${ISSUER}"]
jwks = { keys = [{ kty = "EC", crv = "P-256", x = "${jwk.x}", y = "${jwk.y}" }] }
audiences = ["ALL_AUDIENCES"]
`);
  const child = start(process.env.PORTCULLIS, ['run', '-c', at(`${name}.toml`)]);
  await until('the gateway is ready', child, async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok);
  return { child, port, admin, address: `127.0.0.1:${port}`, file: at(`${name}.toml`) };
}

await scenario(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256' }).setIssuer(ISSUER).setSubject('alice')
    .setExpirationTime('1h').sign(privateKey);
  for (const name of ['servers', 'clients', 'strangers']) await certificate(name);
  for (const name of ['api.example.com', 'shop.example.com', 'orders.internal']) await certificate(name, 'servers');
  await certificate('client', 'clients');
  await certificate('stranger', 'strangers');

  const upstream = await startUpstream();
  const gateway = await startGateway('gateway', upstream, jwk);
  const curl = (gateway, args, name = 'api.example.com', target = '/orders/42') => complete('curl', [
    '-sS', '--max-time', '20', '--cacert', at('servers.pem'), '--resolve', `${name}:${gateway.port}:127.0.0.1`,
    '-w', '\n%{http_code}', ...args, `https://${name}:${gateway.port}${target}`]);
  const bearer = ['-H', `Authorization: Bearer ${token}`];
  const openssl = (gateway, args) => complete('sh', ['-c',
    'exec openssl s_client "$@" < /dev/null', 'sh', '-connect', gateway.address, '-CAfile', at('servers.pem'), ...args]);

  for (const version of ['1.2', '1.3']) {
    await check(`curl speaks TLS ${version}`, async () => {
      const before = upstream.seen.length;
      const versions = [`--tlsv${version}`, '--tls-max', version];
      const good = await curl(gateway, [...versions, ...bearer]);
      assert.match(good.output, /\n200$/);
      assert.equal(upstream.seen.at(-1).headers['x-forwarded-proto'], 'https');
      const bad = await curl(gateway, versions);
      assert.match(bad.output, /token_missing[^]*\n401$/);
      assert.equal(upstream.seen.length, before + 1, 'the upstream sees the good one only');
    });
    await check(`a session of TLS ${version} is taken up again`, async () => {
      const flag = `-tls${version.replace('.', '_')}`;
      const { output } = await openssl(gateway, [flag, '-reconnect', '-servername', 'api.example.com']);
      if (version === '1.2') assert.match(output, /Reused, TLSv1\.2/);
      const session = at(`session-${version}`);
      const request = 'HEAD / HTTP/1.1\\r\\nHost: api.example.com\\r\\nConnection: close\\r\\n\\r\\n';
      const twice = ['-sess_out', '-sess_in'].map((way) => complete.bind(null, 'sh', ['-c',
        `printf '${request}' | openssl s_client -ign_eof ${flag} -connect ${gateway.address} ` +
        `-servername api.example.com -CAfile ${at('servers.pem')} ${way} ${session}`]));
      assert.match((await twice[0]()).output, /New, TLSv1/);
      assert.match((await twice[1]()).output, /Reused, TLSv1/);
    });
  }
  await check('TLS 1.1 is refused', async () => {
    const { output } = await openssl(gateway, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']);
    assert.match(output, /alert (protocol version|handshake failure)|no protocols available/);
    assert.doesNotMatch(output, /BEGIN CERTIFICATE/);
  });
  await check('the name chooses the certificate', async () => {
    for (const [name, shown] of [['api.example.com', 'api'], ['shop.example.com', 'shop'], ['x.example.com', 'api']]) {
      const { output } = await openssl(gateway, ['-servername', name]);
      assert.match(output, new RegExp(`subject=O = Acme, CN = ${shown}\\.example\\.com`));
    }
    assert.match((await openssl(gateway, ['-noservername'])).output, /CN = api\.example\.com/);
  });
  await check('a client that does not know the authority goes away', async () => {
    const before = upstream.seen.length;
    const { code } = await complete('curl', ['-sS', '--cacert', at('strangers.pem'), ...bearer,
      '--resolve', `api.example.com:${gateway.port}:127.0.0.1`, `https://api.example.com:${gateway.port}/`]);
    assert.equal(code, 60);
    assert.equal(upstream.seen.length, before);
  });
  await check('the post-quantum group is used where openssl knows it', async () => {
    const { output } = await openssl(gateway, ['-tls1_3', '-groups', 'X25519MLKEM768']);
    const known = !/Call to SSL_CONF_cmd|Error with command|unknown group/i.test(output);
    console.log(`        openssl ${known ? 'knows' : 'does not know'} X25519MLKEM768`);
    if (known) assert.match(output, /X25519MLKEM768/);
    const old = await openssl(gateway, ['-tls1_3', '-groups', 'X25519']);
    assert.match(old.output, /Server Temp Key: X25519/);
  });
  await check('plain HTTP is told that the port speaks TLS', async () => {
    const before = upstream.seen.length;
    const { output } = await complete('curl', ['-sS', '-w', '\n%{http_code}', ...bearer, `http://${gateway.address}/`]);
    assert.match(output, /tls_required[^]*\n400$/);
    assert.equal(upstream.seen.length, before);
  });
  await check('a renewed certificate is shown after SIGHUP, and no request fails', async () => {
    const serial = async () => /BEGIN CERTIFICATE[^]*END CERTIFICATE/.exec(
      (await openssl(gateway, ['-servername', 'shop.example.com'])).output)[0];
    const before = await serial();
    let answers = 0;
    let going = true;
    const load = (async () => {
      while (going) {
        assert.match((await curl(gateway, bearer)).output, /\n200$/);
        answers += 1;
      }
    })();
    await certificate('shop.example.com', 'servers');
    gateway.child.kill('SIGHUP');
    await until('the new one is shown', gateway.child, async () => (await serial()) !== before);
    going = false;
    await load;
    assert.ok(answers > 0);
  });
  await stop(gateway.child);

  const asking = await startGateway('asking', upstream, jwk,
    'client_certificate = "required"\nclient_ca_file = "clients.pem"\nclient_certificate_headers = true');
  await check('a client certificate is required, and the upstream hears of it', async () => {
    const showing = (name) => ['--cert', at(`${name}.pem`), '--key', at(`${name}.key`)];
    const good = await curl(asking, [...bearer, ...showing('client'), '-H', 'x-client-cert-subject: CN=forged']);
    assert.match(good.output, /\n200$/);
    const { headers } = upstream.seen.at(-1);
    assert.equal(headers['x-client-cert-subject'], 'CN=client,O=Acme');
    const digest = await run('openssl', ['x509', '-in', at('client.pem'), '-noout', '-fingerprint', '-sha256']);
    const plain = digest.split('=')[1].trim().replaceAll(':', '').toLowerCase();
    assert.equal(headers['x-client-cert-fingerprint'], plain);
    const before = upstream.seen.length;
    for (const args of [bearer, [...bearer, ...showing('stranger')]]) {
      assert.notEqual((await curl(asking, args)).code, 0);
    }
    assert.equal(upstream.seen.length, before, 'the upstream sees nothing');
  });
  await stop(asking.child);

  const behind = await startNginx();
  const tls = `[upstream.tls]
ca_file = "servers.pem"
server_name = "orders.internal"
client_certificate_file = "client.pem"
client_private_key_file = "client.key"`;
  const outgoing = await startGateway('outgoing', behind, jwk, '', tls);
  await check('nginx is an upstream over TLS, with a certificate for it', async () => {
    const answers = [];
    for (let n = 0; n < 3; n += 1) {
      const { output } = await curl(outgoing, bearer);
      assert.match(output, /\n200$/);
      answers.push(JSON.parse(output.split('\n')[0]));
    }
    assert.equal(answers[0].protocol, 'TLSv1.3');
    assert.equal(answers[0].name, 'orders.internal');
    assert.equal(answers[0].client, 'CN=client,O=Acme');
    const log = () => readFileSync(at('nginx.log'), 'utf8').trim().split('\n').length;
    const before = log();
    assert.match((await curl(outgoing, [])).output, /\n401$/);
    assert.equal(log(), before, 'nginx sees nothing');
  });
  await check('a session with nginx is taken up again', async () => {
    const answers = [];
    for (let n = 0; n < 6; n += 1) {
      const { output } = await curl(outgoing, bearer, 'api.example.com', '/close');
      answers.push(JSON.parse(output.split('\n')[0]).reused);
    }
    assert.ok(answers.includes('r'), answers.join());
  });
  await stop(outgoing.child);
  for (const [what, wrong] of [
    ['another authority', tls.replace('servers.pem', 'strangers.pem')],
    ['another name', tls.replace('orders.internal', 'stock.internal')],
  ]) {
    await check(`nginx with ${what} is unreachable`, async () => {
      const wary = await startGateway('wary', behind, jwk, '', wrong);
      const before = readFileSync(at('nginx.log'), 'utf8');
      const { output } = await curl(wary, bearer);
      assert.match(output, /upstream_unreachable[^]*\n502$/);
      assert.equal(readFileSync(at('nginx.log'), 'utf8'), before);
      assert.match(wary.child.output, /invalid peer certificate/);
      await stop(wary.child);
    });
  }
  await stop(behind.child);
});
