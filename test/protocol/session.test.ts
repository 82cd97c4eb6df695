/**
 * The client's side of the conversation without a socket: numbers, order, limits, and what is said again over a new
 * connection.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClientMessage, PostmasterMessage, Reply, Telling } from '../../src/protocol/index.js';
import {
  ClientSession,
  encodeFrame,
  FrameReader,
  introduce,
  MAX_OUTSTANDING_REQUESTS,
  parseClientMessage,
} from '../../src/protocol/index.js';

function open() {
  const heard: Telling[] = [];
  const session = new ClientSession({ ...introduce(), session: 's', worker: null }, (message) => {
    heard.push(message);
    if (message.type === 'welcome') session.welcomed();
  });
  const log: (Reply | Error)[] = [];
  const asker = {
    answered: (reply: Reply) => void log.push(reply),
    failed: (error: Error) => void log.push(error),
  };
  const ask = (repeat = true) =>
    session.ask((request) => encodeFrame({ type: 'activity', request, from: 0 }), asker, { repeat });
  const receive = (...messages: PostmasterMessage[]) =>
    session.receive(Buffer.concat(messages.map((message) => encodeFrame(message))));
  const welcome = (version: object = {}) =>
    receive({ type: 'welcome', epoch: 'e', directory: '/d', ...introduce(), ...version });
  return { session, heard, log, ask, receive, welcome };
}

/** What was to be sent, as its receiver reads it. */
function sent(session: ClientSession): ClientMessage[] {
  const reader = new FrameReader();
  const messages: ClientMessage[] = [];
  for (const bytes of session.takeOutput()) {
    reader.push(bytes);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next())
      messages.push(parseClientMessage(frame).message);
  }
  return messages;
}

function numbers(messages: readonly ClientMessage[]): number[] {
  return messages.map((message) => ('request' in message ? message.request : 0));
}

test('nothing but hello is said before the welcome', () => {
  const { session, ask, welcome } = open();
  ask();
  assert.deepEqual(sent(session), []);
  session.connected();
  assert.deepEqual(
    sent(session).map(({ type }) => type),
    ['hello'],
  );
  ask();
  assert.deepEqual(sent(session), []);
  welcome();
  assert.deepEqual(numbers(sent(session)), [1, 2]);
});

test('replies go to those who asked, in whatever order they come, and everything else to the listener', () => {
  const { session, heard, log, ask, receive, welcome } = open();
  session.connected();
  welcome();
  ask();
  ask();
  receive(
    { type: 'done', request: 2 },
    { type: 'channelClosed', slot: 0, generation: 1 },
    { type: 'done', request: 1 },
  );
  assert.deepEqual(log, [
    { type: 'done', request: 2 },
    { type: 'done', request: 1 },
  ]);
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['welcome', 'channelClosed'],
  );
  assert.equal(session.unanswered, 0);
});

test('beyond the limit requests wait, in order', () => {
  const { session, ask, receive, welcome } = open();
  session.connected();
  welcome();
  for (let count = 0; count < MAX_OUTSTANDING_REQUESTS + 3; count += 1) ask();
  assert.equal(numbers(sent(session)).filter((number) => number > 0).length, MAX_OUTSTANDING_REQUESTS);
  receive({ type: 'done', request: 5 }, { type: 'done', request: 6 });
  assert.deepEqual(numbers(sent(session)), [MAX_OUTSTANDING_REQUESTS + 1, MAX_OUTSTANDING_REQUESTS + 2]);
  assert.equal(session.unanswered, MAX_OUTSTANDING_REQUESTS + 1);
});

test('over a new connection what is unanswered is said again, in order, and what was answered is not', () => {
  const { session, ask, receive, welcome } = open();
  session.connected();
  welcome();
  for (let count = 0; count < 4; count += 1) ask();
  receive({ type: 'done', request: 2 });
  sent(session);
  session.disconnected();
  ask();
  session.connected();
  assert.deepEqual(
    sent(session).map(({ type }) => type),
    ['hello'],
  );
  welcome();
  assert.deepEqual(numbers(sent(session)), [1, 3, 4, 5]);
});

test('half a message of an old connection is forgotten with it', () => {
  const { session, ask, log, receive, welcome } = open();
  session.connected();
  welcome();
  ask();
  session.receive(encodeFrame({ type: 'done', request: 1 }).subarray(0, 9));
  session.disconnected();
  session.connected();
  welcome();
  receive({ type: 'done', request: 1 });
  assert.deepEqual(log, [{ type: 'done', request: 1 }]);
});

test('what may not be repeated fails when the connection is lost, unless it was never sent', () => {
  const { session, ask, log, welcome } = open();
  ask(false);
  session.connected();
  welcome();
  ask(false);
  sent(session);
  assert.deepEqual(log, []);
  session.disconnected();
  assert.deepEqual(
    log.map((error) => (error as { code?: string }).code),
    ['ERR_UNSURE', 'ERR_UNSURE'],
  );
  ask(false);
  session.connected();
  welcome();
  assert.deepEqual(numbers(sent(session)).slice(1), [3]);
});

test('a request withdrawn before it was sent is not sent; one that was sent still has its answer', () => {
  const { session, ask, log, receive, welcome } = open();
  const unsent = ask();
  assert.equal(session.withdraw(unsent), false);
  session.connected();
  welcome();
  assert.deepEqual(numbers(sent(session)).slice(1), []);
  const number = ask();
  assert.equal(session.withdraw(number), true);
  assert.deepEqual(
    sent(session).map(({ type }) => type),
    ['activity', 'withdraw'],
  );
  receive({ type: 'done', request: number });
  assert.deepEqual(log, [{ type: 'done', request: number }]);
});

test('over a new connection a withdrawn request is said again, and withdrawn again', () => {
  const { session, ask, welcome } = open();
  session.connected();
  welcome();
  const first = ask();
  ask();
  session.withdraw(first);
  sent(session);
  session.disconnected();
  session.connected();
  welcome();
  assert.deepEqual(
    sent(session).map((message) => [message.type, 'request' in message ? message.request : 0]),
    [
      ['hello', 0],
      ['activity', 1],
      ['withdraw', 1],
      ['activity', 2],
    ],
  );
});

test('withdrawn requests that nobody answers do not pile up, and do not count', () => {
  const { session, ask, receive, welcome } = open();
  session.connected();
  welcome();
  for (let count = 0; count < 3_000; count += 1) session.withdraw(ask());
  assert.equal(session.unanswered, 0);
  // An answer that comes after it was forgotten concerns nobody, and is no mistake.
  receive({ type: 'done', request: 1 });
});

test('a reply to what was never asked is refused', () => {
  const { session, receive, welcome } = open();
  session.connected();
  welcome();
  assert.throws(() => receive({ type: 'done', request: 1 }), { code: 'ERR_BAD_MESSAGE' });
});

test('an answer that cannot be read fails its asker and nobody else', () => {
  const { session, ask, receive, welcome, log } = open();
  session.connected();
  welcome();
  for (const answer of [
    { type: 'ofANewerVersion', request: ask() },
    { type: 'activity', request: ask() },
    { type: 'done', request: ask() },
  ])
    receive(answer as PostmasterMessage);
  assert.deepEqual(
    log.map((told) => ('code' in told ? told.code : 'type' in told && told.type)),
    ['ERR_BAD_MESSAGE', 'ERR_BAD_MESSAGE', 'done'],
  );
  assert.equal(session.unanswered, 0);
});

test('news of a type that only another version knows is left out; from the same version it is a mistake', () => {
  const { session, receive, welcome, heard } = open();
  const news = { type: 'ofANewerVersion' } as unknown as PostmasterMessage;
  session.connected();
  welcome({ package: '9.9.9' });
  receive(news, { type: 'channelClosed', slot: 1, generation: 2 });
  assert.equal(heard.at(-1)?.type, 'channelClosed');
  assert.throws(() => receive({ ...news, type: 'notify' } as PostmasterMessage), { code: 'ERR_BAD_MESSAGE' });
  session.connected();
  welcome();
  assert.throws(() => receive(news), { code: 'ERR_BAD_MESSAGE' });
});

test('messages without a reply are dropped while there is no connection', () => {
  const { session, welcome } = open();
  session.tell(encodeFrame({ type: 'unwatchAll' }));
  session.connected();
  session.tell(encodeFrame({ type: 'unwatchAll' }));
  welcome();
  session.tell(encodeFrame({ type: 'unwatchAll' }));
  assert.deepEqual(
    sent(session).map(({ type }) => type),
    ['hello', 'unwatchAll'],
  );
});

test('at the end everybody who waits is told, once', () => {
  const { session, ask, log, welcome } = open();
  ask();
  session.connected();
  welcome();
  ask();
  const error = new Error('over');
  session.fail(error);
  session.fail(new Error('again'));
  assert.deepEqual(log, [error, error]);
});

test('whatever is cut, lost and withdrawn, every request is answered exactly once', () => {
  const step = fc.constantFrom('ask', 'cut', 'answer', 'withdrawNothing');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { session, ask, log, receive, welcome } = open();
      session.connected();
      welcome();
      let asked = 0;
      /** What the other side has heard over this connection and not answered. */
      let pending: number[] = [];
      const hear = () => pending.push(...numbers(sent(session)).filter((number) => number > 0));
      for (const what of [...steps, ...Array<'answer'>(100).fill('answer')]) {
        if (what === 'ask') {
          ask();
          asked += 1;
        } else if (what === 'cut') {
          session.disconnected();
          pending = [];
          session.connected();
          welcome();
        } else if (what === 'answer') {
          const number = pending.shift();
          if (number !== undefined) receive({ type: 'done', request: number });
        }
        hear();
      }
      assert.deepEqual(
        log.map((reply) => (reply as Reply).request).sort((one, other) => one - other),
        Array.from({ length: asked }, (_, index) => index + 1),
      );
    }),
  );
});
