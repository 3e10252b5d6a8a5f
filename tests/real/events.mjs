// Server-sent events through the gateway, read by curl as they come.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { makeIssuer } from './issuer.mjs';
import { assert, check, scenario, scratch, start, startGateway, until } from './harness.mjs';

/** A server of events that sends one when it is told. */
async function startServer() {
  const streams = [];
  let closed = 0;
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    streams.push(response);
    response.on('close', () => { closed += 1; });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, streams, closed: () => closed };
}

await scenario(async () => {
  const folder = scratch();
  const issuer = await makeIssuer(folder);
  const server = await startServer();
  const gateway = await startGateway(folder, server, `stall_timeout = "2s"\n${issuer.configuration}`);
  const token = await issuer.token();
  const listen = (...options) => start('curl', ['-sSN', '-i', ...options,
    '-H', `Authorization: Bearer ${token}`, `${gateway.url}/events`]);

  await check('each event comes at once, on a stream that goes on', async () => {
    const curl = listen();
    await until('the stream', curl, () => server.streams.length === 1);
    for (let number = 1; number <= 5; number += 1) {
      server.streams[0].write(`data: ${number}\n\n`);
      await until(`event ${number}`, curl, () => curl.output.includes(`data: ${number}\n\n`));
    }
    server.streams[0].end();
    const [code] = await once(curl, 'exit');
    assert.equal(code, 0, curl.output);
    assert.match(curl.output, /content-type: text\/event-stream/);
  });

  await check('a listener that leaves is gone for the server too', async () => {
    const curl = listen();
    await until('the stream', curl, () => server.streams.length === 2);
    server.streams[1].write('data: x\n\n');
    await until('the event', curl, () => curl.output.includes('data: x'));
    curl.kill('SIGKILL');
    await until('the end', undefined, () => server.closed() === 2);
  });

  await check('comments keep a stream alive for longer than it may be silent', async () => {
    const curl = listen();
    await until('the stream', curl, () => server.streams.length === 3);
    for (let number = 0; number < 6; number += 1) {
      server.streams[2].write(': still here\n\n');
      await pause(600);
    }
    server.streams[2].end('data: last\n\n');
    const [code] = await once(curl, 'exit');
    assert.equal(code, 0, curl.output);
    assert.match(curl.output, /data: last/);
  });

  for (const [version, expected] of [['--http1.1', [18]], ['--http1.0', [56, 18]]]) {
    await check(`a stream that is silent for too long breaks visibly (${version})`, async () => {
      const number = server.streams.length;
      const curl = listen(version);
      await until('the stream', curl, () => server.streams.length === number + 1);
      server.streams[number].write('data: x\n\n');
      const [code] = await once(curl, 'exit');
      // A transfer that ended early, or a connection that was reset.
      assert.ok(expected.includes(code), `${code}: ${curl.output}`);
      await until('the end', undefined, () => server.closed() === number + 1);
      await until('the log', undefined, () => gateway.child.output.includes('upstream_timeout'));
    });
  }

  await check('without a token nothing is heard', async () => {
    const response = await fetch(`${gateway.url}/events`);
    assert.equal(response.status, 401);
    assert.equal((await response.json()).code, 'token_missing');
    assert.equal(server.streams.length, 5);
  });
});
