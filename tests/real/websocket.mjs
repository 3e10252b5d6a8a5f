// WebSockets through the gateway, with npm's ws at both ends and a socket that says too much too early.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import WebSocket, { WebSocketServer } from 'ws';
import { makeIssuer } from './issuer.mjs';
import { assert, check, flipped, scenario, scratch, startGateway } from './harness.mjs';

/** A server that sends every message back, remembers its requests, and closes as it is told. */
async function startServer() {
  const seen = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    response.end('no WebSocket');
  }).listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] });
  sockets.on('connection', (socket, request) => {
    seen.push(request);
    socket.on('message', (data, binary) => {
      if (String(data) === 'close 4001') socket.close(4001, 'as you wish');
      else socket.send(data, { binary });
    });
  });
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, seen, sockets };
}

function open(gateway, token, options = {}) {
  const headers = { ...(token && { authorization: `Bearer ${token}` }) };
  return new WebSocket(`${gateway.url.replace('http', 'ws')}/chat?x=y`, options.protocols ?? [], {
    headers, ...options,
  });
}

async function opened(gateway, token, options) {
  const socket = open(gateway, token, options);
  await once(socket, 'open');
  return socket;
}

async function answer(socket, data) {
  const coming = once(socket, 'message');
  socket.send(data);
  return coming;
}

/** The status with which the gateway refuses, and the code. */
async function refusal(gateway, token) {
  const socket = open(gateway, token);
  const [request, response] = await once(socket, 'unexpected-response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  request.destroy();
  return [response.statusCode, JSON.parse(text).code];
}

/** A frame as a client sends it: masked with zeros, which changes nothing. */
function frame(text) {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

await scenario(async () => {
  const folder = scratch();
  const issuer = await makeIssuer(folder);
  const server = await startServer();
  const gateway = await startGateway(folder, server, issuer.configuration);
  const token = await issuer.token();

  await check('text and binary messages come back', async () => {
    const socket = await opened(gateway, token);
    assert.equal(String((await answer(socket, 'hello ☃'))[0]), 'hello ☃');
    const [bytes, binary] = await answer(socket, Buffer.from([0, 1, 254, 255]));
    assert.ok(binary);
    assert.deepEqual([...bytes], [0, 1, 254, 255]);
    const [request] = server.seen.slice(-1);
    assert.equal(request.url, '/chat?x=y');
    assert.equal(request.headers['x-auth-subject'], 'alice');
    assert.equal(request.headers.authorization, undefined);
    socket.close();
    await once(socket, 'close');
  });

  await check('messages of 8 MiB come back, compressed or not', async () => {
    for (const perMessageDeflate of [false, true]) {
      const socket = await opened(gateway, token, { perMessageDeflate });
      const large = Buffer.alloc(8 << 20, 'portcullis ');
      const [bytes] = await answer(socket, large);
      assert.ok(large.equals(bytes));
      socket.terminate();
    }
  });

  await check('a thousand messages keep their order', async () => {
    const socket = await opened(gateway, token);
    const got = [];
    const done = new Promise((resolve) => {
      socket.on('message', (data) => { if (got.push(Number(data)) === 1000) resolve(); });
    });
    for (let number = 0; number < 1000; number += 1) socket.send(String(number));
    await done;
    assert.deepEqual(got, Array.from({ length: 1000 }, (_, number) => number));
    socket.terminate();
  });

  await check('ping is answered by the other end', async () => {
    const socket = await opened(gateway, token);
    const pong = once(socket, 'pong');
    socket.ping('are you there');
    assert.equal(String((await pong)[0]), 'are you there');
    socket.terminate();
  });

  await check('a subprotocol is agreed on', async () => {
    const socket = await opened(gateway, token, { protocols: ['chat.v2', 'chat.v1'] });
    assert.equal(socket.protocol, 'chat.v2');
    socket.terminate();
  });

  await check('codes and reasons of closing arrive at both ends', async () => {
    const socket = await opened(gateway, token);
    const closed = once(socket, 'close');
    socket.send('close 4001');
    assert.deepEqual((await closed).map(String), ['4001', 'as you wish']);
    const next = await opened(gateway, token);
    const [there] = [...server.sockets.clients].slice(-1);
    const heard = once(there, 'close');
    next.close(4002, 'enough');
    assert.deepEqual((await heard).map(String), ['4002', 'enough']);
  });

  await check('a client that vanishes is gone for the server too', async () => {
    const socket = await opened(gateway, token);
    const [there] = [...server.sockets.clients].slice(-1);
    const heard = once(there, 'close');
    socket.terminate();
    assert.equal((await heard)[0], 1006);
  });

  await check('no token, a forged one or an expired one opens nothing', async () => {
    const before = server.seen.length;
    assert.deepEqual(await refusal(gateway), [401, 'token_missing']);
    assert.deepEqual(await refusal(gateway, flipped(token)), [401, 'signature_invalid']);
    assert.deepEqual(await refusal(gateway, await issuer.token(-120)), [401, 'token_expired']);
    assert.equal(server.seen.length, before);
  });

  await check('what a client says too early arrives first', async () => {
    const { port } = new URL(gateway.url);
    const socket = net.connect(Number(port), '127.0.0.1');
    const head = [
      'GET /chat HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket',
      'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Authorization: Bearer ${token}`, '', '',
    ].join('\r\n');
    socket.write(Buffer.concat([Buffer.from(head), frame('first'), frame('second')]));
    let got = Buffer.alloc(0);
    for await (const part of socket) {
      got = Buffer.concat([got, part]);
      if (got.includes('second')) break;
    }
    const [, body] = String(got).split('\r\n\r\n');
    assert.match(String(got), /^HTTP\/1\.1 101 /);
    assert.equal(body, '\x81\x05first\x81\x06second'.replaceAll('\x81', '\ufffd'));
    socket.destroy();
  });

  await check('another protocol is not asked for, and the answer is ordinary', async () => {
    const { port } = new URL(gateway.url);
    const request = http.get({
      port, path: '/', headers: {
        connection: 'upgrade', upgrade: 'h2c', authorization: `Bearer ${token}`,
      },
    });
    const [response] = await once(request, 'response');
    assert.equal(response.statusCode, 200);
    assert.equal(server.seen.at(-1).headers.upgrade, undefined);
    response.resume();
  });

  await check('a tunnel ends with its token', async () => {
    // A minute of skew, of which three seconds are left.
    const socket = await opened(gateway, await issuer.token(-57));
    const [code] = await once(socket, 'close');
    assert.equal(code, 1006);
  });

  for (const socket of server.sockets.clients) socket.terminate();
});
