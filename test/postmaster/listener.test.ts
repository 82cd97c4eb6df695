/**
 * The postmaster's door against whoever may knock: what is no conversation is answered with a goodbye that says why,
 * and nobody else notices. A real postmaster, and plain sockets.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';
import type { ClientMessage, PostmasterMessage } from '../../src/protocol/index.js';
import { encodeFrame, FrameReader, introduce, parsePostmasterMessage, whyNotServed } from '../../src/protocol/index.js';
import { isGone, until } from './processState.js';

/** Something hangs. */
const PATIENCE_MS = 10_000;

let client: Client;
before(async () => {
  client = await startPostmaster({ logLevel: 'silent' });
});
after(() => client.close());

const hello: ClientMessage = { type: 'hello', session: 's', worker: null, ...introduce() };

/** Says this, and gives what was answered until the other side ended. */
async function answersTo(...said: readonly Uint8Array[]): Promise<PostmasterMessage[]> {
  const socket = knock();
  for (const bytes of said) socket.write(bytes);
  return answersOf(socket);
}

function knock(): Socket {
  const socket = connectSocket(join(client.directory, 'postmaster.sock'));
  // It may be ended while we are still speaking.
  socket.on('error', () => {});
  return socket;
}

async function answersOf(socket: Socket): Promise<PostmasterMessage[]> {
  const reader = new FrameReader();
  socket.on('data', (chunk) => reader.push(chunk));
  await once(socket, 'close');
  const answers: PostmasterMessage[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    answers.push(parsePostmasterMessage(frame).message);
  }
  return answers;
}

/** Of a conversation that goes on. */
async function firstAnswers(socket: Socket, count: number): Promise<PostmasterMessage[]> {
  const reader = new FrameReader();
  const answers: PostmasterMessage[] = [];
  while (answers.length < count) {
    reader.push(((await once(socket, 'data')) as [Buffer])[0]);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next())
      answers.push(parsePostmasterMessage(frame).message);
  }
  return answers;
}

const nonsense: readonly (readonly [string, readonly Uint8Array[], RegExp])[] = [
  ['random bytes', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], /frame too long/],
  ['a length beyond the limit', [Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2])], /frame too long/],
  ['a header longer than its frame', [Buffer.from([0, 0, 0, 8, 0, 0, 0, 99])], /longer than its frame/],
  ['what is no JSON', [Buffer.concat([Buffer.from([0, 0, 0, 6, 0, 0, 0, 2]), Buffer.from('{{')])], /not JSON/],
  ['a question before hello', [encodeFrame({ type: 'watchAll', request: 1 })], /must be hello/],
  ['a message of the other side', [encodeFrame(hello), encodeFrame({ type: 'loading' })], /unknown message/],
  ['hello twice', [encodeFrame(hello), encodeFrame(hello)], /said before/],
  ['a hello that is none', [encodeFrame({ ...hello, pid: 0 })], /not valid/],
];

for (const [what, said, why] of nonsense) {
  test(`${what}: a goodbye that says why`, async () => {
    const last = (await answersTo(...said)).at(-1);
    assert.equal(last?.type, 'goodbye');
    assert.equal(last.reason, 'protocolViolation');
    assert.match(last.refusal.message, why);
  });
}

test('a version that does not fit is refused in the words that the client would use, and told who refuses it', async () => {
  const stranger = { ...introduce(), package: '9.0.0', path: '/elsewhere' };
  const [last] = await answersTo(encodeFrame({ ...hello, ...stranger }));
  assert.equal(last?.type, 'goodbye');
  assert.equal(last.reason, 'protocolMismatch');
  assert.deepEqual(last.postmaster, { ...introduce(), pid: client.postmasterPid });
  assert.deepEqual(last.refusal, whyNotServed(last.postmaster, stranger, client.directory));
});

test('one minor version beside ours is served', async () => {
  const [major, minor] = introduce().package.split('.').map(Number);
  const socket = knock();
  socket.write(encodeFrame({ ...hello, package: `${major}.${(minor ?? 0) + 1}.7` }));
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.match(chunk.toString('latin1'), /"type":"welcome"/);
  socket.destroy();
});

test('whoever comes only to shut us down is let in whatever its version, and is served nothing else', async () => {
  const stranger = { ...hello, ...introduce(), package: '9.0.0', purpose: 'shutdown' } as const;
  const socket = knock();
  for (const message of [stranger, { type: 'activity', request: 1, from: 0 }, { type: 'unwatchAll' }] as const)
    socket.write(encodeFrame(message));
  const [welcome, refused] = await firstAnswers(socket, 2);
  assert.equal(welcome?.type, 'welcome');
  assert.ok(refused?.type === 'refused' && refused.request === 1);
  assert.equal(refused.refusal.code, 'ERR_PROTOCOL_MISMATCH');
  socket.destroy();
});

test('of a client one minor version newer, what is not known is refused if it asks, and not heard if it does not', async () => {
  const [major, minor] = introduce().package.split('.').map(Number);
  const newer = { ...introduce(), package: `${major}.${(minor ?? 0) + 1}.0` };
  const told = { type: 'unwatchEverything', field: 1 } as unknown as ClientMessage;
  const asked = [
    { type: 'teleport', request: 1 },
    { type: 'shutdown', request: 2, mode: 'gentle' },
    { type: 'activity', request: 3, from: 0, field: 'nobody knows' },
  ] as unknown as ClientMessage[];
  const socket = knock();
  for (const message of [{ ...hello, ...newer }, told, ...asked]) socket.write(encodeFrame(message));
  const answers = await firstAnswers(socket, 4);
  assert.deepEqual(
    answers.map((answer) => [answer.type, 'request' in answer ? answer.request : 0]),
    [
      ['welcome', 0],
      ['refused', 1],
      ['refused', 2],
      ['activity', 3],
    ],
  );
  const [, first] = answers;
  assert.ok(first?.type === 'refused');
  assert.equal(first.refusal.code, 'ERR_NOT_SUPPORTED');
  assert.match(first.refusal.detail ?? '', /teleport.*is bgworker \d+\.\d+\.\d+.*is bgworker \d+\.\d+\.0 /);
  assert.match(first.refusal.hint ?? '', /^restart the postmaster: bgworker stop/);
  socket.destroy();
});

test('of many that say nothing the oldest has to go, and a client is served all the same', async () => {
  const silent = Array.from({ length: 140 }, knock);
  const [first] = silent;
  assert.ok(first);
  const [told] = await answersOf(first);
  assert.equal(told?.type, 'goodbye');
  const served = await connect({ directory: client.directory });
  assert.deepEqual(await served.activity(), []);
  await served.close();
  for (const socket of silent) socket.destroy();
});

test('a client that is stopped does not hold up a shutdown, and finds the goodbye when it goes on', async () => {
  const other = await startPostmaster({ logLevel: 'silent' });
  const { postmasterPid } = other;
  // It neither reads nor ends its side.
  const stopped = connectSocket({ path: join(other.directory, 'postmaster.sock'), allowHalfOpen: true });
  stopped.on('error', () => {});
  stopped.write(encodeFrame(hello));
  await once(stopped, 'readable');
  void other.close();
  await until(() => isGone(postmasterPid), 'the postmaster is gone', PATIENCE_MS);
  const answers = answersOf(stopped);
  stopped.end();
  assert.deepEqual(
    (await answers).map((message) => (message.type === 'goodbye' ? message.reason : message.type)),
    ['welcome', 'shutdown'],
  );
});

test('a shutdown that waits for its clients lets in who wants one that does not wait, and nobody else', async () => {
  const other = await startPostmaster({ logLevel: 'silent' });
  const { directory } = other;
  await other.shutdown('smart');
  await assert.rejects(connect({ directory }), { code: 'ERR_SHUTTING_DOWN' });
  const hurried = await connect({ directory, purpose: 'shutdown' });
  await hurried.shutdown('fast');
  assert.equal(await other.waitForClose(), 'shutdown');
});

test('after all of this the postmaster goes on', async () => {
  assert.deepEqual(await client.activity(), []);
  assert.equal(client.closed, null);
});
