// HTTP/2 from clients that are not ours: curl, h2load, floods by PyPI's h2, and httpwg's conformance cases.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { program } from './debian.mjs';
import {
  assert, check, complete, scenario, scratch, startGateway, startUpstream,
} from './harness.mjs';

const ENHANCE_YOUR_CALM = 11;
const FLOODS = ['rapid_reset', 'made_you_reset', 'continuation', 'empty_data', 'ping', 'settings',
  'priority', 'window_update'];

/** The names of the cases that failed. */
function failures(output) {
  assert.match(output, /Passed/, output.slice(-3000));
  return [...output.matchAll(/Test failed: (.*)$/gm)].map((match) => match[1].trim()).sort();
}

/** Bytes that the process holds. */
function memory(child) {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1024;
}

await scenario(async () => {
  const folder = scratch();
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const jwks = `{ keys = [{ kty = "EC", crv = "P-256", kid = "k", x = "${x}", y = "${y}" }] }`;
  const upstream = await startUpstream();
  const gateway = await startGateway(folder, upstream, `
[server.limits]
header_timeout = "3s"
[[routes]]
path = "/closed/{*rest}"
[[routes]]
path = "/{*rest}"
access = "public"
[issuers."https://idp.example.com"]
jwks = ${jwks}
audiences = ["https://api.example.com"]
`, 'http2_cleartext = true');
  const port = new URL(gateway.url).port;
  const curl = (...args) => complete('curl',
    ['-sS', '-m', '20', '-w', '\n%{http_version} %{http_code}', ...args]);

  await check('curl is answered over HTTP/2, with prior knowledge', async () => {
    const { output } = await curl('--http2-prior-knowledge', `${gateway.url}/a?b`);
    assert.match(output, /\n2 200$/);
    assert.equal(JSON.parse(output.split('\n')[0]).url, '/a?b');
  });
  await check('curl is refused over HTTP/2 without a token', async () => {
    const before = upstream.seen.length;
    const { output } = await curl('--http2-prior-knowledge', '-D', '-', `${gateway.url}/closed/a`);
    assert.match(output, /\n2 401$/);
    assert.match(output, /"code":"token_missing"/);
    assert.match(output, /^x-request-id: /m);
    assert.equal(upstream.seen.length, before, 'the upstream sees nothing');
  });
  await check('curl stays with HTTP/1.1 when it asks to upgrade', async () => {
    const { output } = await curl('--http2', `${gateway.url}/a`);
    assert.match(output, /\n1\.1 200$/);
    assert.equal(JSON.parse(output.split('\n')[0]).headers.upgrade, undefined);
  });
  await check('curl sends a body that is larger than a window', async () => {
    const body = 'x'.repeat(300_000);
    const { output } = await curl('--http2-prior-knowledge', '--data-binary', body.slice(0, 100_000),
      `${gateway.url}/a`);
    assert.match(output, /\n2 200$/);
    assert.equal(JSON.parse(output.split('\n')[0]).body.length, 100_000);
  });

  await check('h2load gets every answer, with 32 streams a connection', async () => {
    const { file, env } = await program(folder, 'h2load', 'nghttp2-client');
    const { output } = await complete(file,
      ['-n2000', '-c4', '-m32', `${gateway.url}/a`], { env });
    assert.match(output, /2000 succeeded, 0 failed/, output);
    assert.match(output, /status codes: 2000 2xx/);
  });

  for (const flood of FLOODS) {
    await check(`a flood ends the connection and takes no memory: ${flood}`, async () => {
      await complete(process.env.PYTHON, ['flood.py', port, flood]);
      const before = memory(gateway.child);
      for (let round = 0; round < 3; round += 1) {
        const { code, output } = await complete(process.env.PYTHON, ['flood.py', port, flood]);
        assert.equal(code, 0, output);
        const came = JSON.parse(output);
        // The last word can be lost where more came than was read.
        assert.ok(came.goodbye === ENHANCE_YOUR_CALM || (came.goodbye === null && came.closed), output);
        assert.ok(came.sent < 10_000, output);
      }
      const grown = memory(gateway.child) - before;
      assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes more`);
      const { output } = await curl('--http2-prior-knowledge', `${gateway.url}/a`);
      assert.match(output, /\n2 200$/);
    });
  }

  await check("httpwg's conformance cases fail where it is known why, and nowhere else", async () => {
    const lines = readFileSync('h2-known.txt', 'utf8').split('\n').filter((line) => /^[^#]/.test(line));
    // A case that races with the answer, or with a deadline, fails or not, as the one or the other is first.
    const races = lines.filter((line) => line.startsWith('~ ')).map((line) => line.slice(2));
    const known = lines.filter((line) => !line.startsWith('~ '));
    const { output } = await complete(process.env.HTTPWG, ['--address', `127.0.0.1:${port}`,
      '--connect-timeout', '5000', '--frame-timeout', '2000'],
      { env: { ...process.env, SEQUENTIAL: '1', RUST_BACKTRACE: '0' } });
    const failed = failures(output);
    const unexpected = failed.filter((name) => !known.includes(name) && !races.includes(name));
    const mended = known.filter((name) => !failed.includes(name));
    const how = unexpected.map((name) => output.slice(output.indexOf(`Test failed: ${name}`)).slice(0, 600));
    assert.deepEqual({ unexpected, mended }, { unexpected: [], mended: [] },
      `fail and are not in h2-known.txt: ${unexpected}; pass and are in it: ${mended}\n${how.join('\n')}`);
  });
});
