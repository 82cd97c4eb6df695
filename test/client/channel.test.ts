/**
 * The client's end of a worker's channel.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize } from 'node:v8';
import { serializeValue } from '../../src/protocol/index.js';
import { benchForEachTest } from './attach.js';
import { runningStatus, stoppedStatus } from './fakePostmaster.js';

const bench = benchForEachTest();

test('a channel is opened by its first use, and carries values both ways until the run is over', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const { channel } = handle;
  const sending = channel.send({ a: 1n });
  const opening = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: opening.message.request });
  await sending;
  const data = await bench().postmaster.next('channelData');
  assert.deepEqual(deserialize(data.attachments[0] ?? new Uint8Array()), { a: 1n });
  connection.send({ type: 'channelData', slot: 0, generation: 1, more: false }, [serializeValue('back', 'x')]);
  connection.send({ type: 'channelClosed', slot: 0, generation: 1 });
  assert.deepEqual(await channel.receive(), { done: false, value: 'back' });
  assert.deepEqual(await channel.receive(), { done: true, value: undefined });
  await assert.rejects(channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
  assert.equal(await channel.waitForClose(), 'peerGone');
  assert.notEqual(handle.channel, channel);
});

test('a channel that another client has is refused, and may be asked for again', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const sending = handle.channel.send(1);
  const { message } = await bench().postmaster.next('channelOpen');
  const refusal = { code: 'ERR_CHANNEL_TAKEN', message: 'taken' };
  connection.send({ type: 'refused', request: message.request, refusal });
  await assert.rejects(sending, { code: 'ERR_CHANNEL_TAKEN' });
  const again = handle.channel.send(1);
  const second = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: second.message.request });
  await again;
});

test('the channel of a worker that has ended is closed', async () => {
  const { handle } = await bench().attachWithHandle(stoppedStatus(1, 1, { final: true }));
  assert.deepEqual(await handle.channel.receive(), { done: true, value: undefined });
  await assert.rejects(handle.channel.send(1), { code: 'ERR_CHANNEL_CLOSED' });
});

test('a lost connection ends the channels over it', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const { channel } = handle;
  const receiving = channel.receive();
  const { message } = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: message.request });
  connection.cut();
  assert.deepEqual(await receiving, { done: true, value: undefined });
});

test('nobody passes from one run to the next without noticing', async () => {
  const { handle, connection } = await bench().attachWithHandle(runningStatus(1));
  const first = handle.channel.receive();
  const opening = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: opening.message.request });
  connection.send({ type: 'channelData', slot: 0, generation: 1, more: false }, [serializeValue('one', 'x')]);
  connection.send({ type: 'channelData', slot: 0, generation: 1, more: false }, [serializeValue('two', 'x')]);
  connection.send({ type: 'channelClosed', slot: 0, generation: 1 });
  connection.tell(stoppedStatus(2, 1));
  assert.equal((await first).value, 'one');
  assert.equal((await handle.channel.receive()).value, 'two');
  assert.equal((await handle.channel.receive()).done, true);
  const second = handle.channel.receive();
  const again = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: again.message.request });
  connection.send({ type: 'channelData', slot: 0, generation: 1, more: false }, [serializeValue('three', 'x')]);
  assert.equal((await second).value, 'three');
});

test('a channel for a run that never came is over with the last word', async () => {
  const { handle, connection } = await bench().attachWithHandle(stoppedStatus(2, 1));
  const receiving = handle.channel.receive();
  const { message } = await bench().postmaster.next('channelOpen');
  connection.send({ type: 'done', request: message.request });
  connection.tell(stoppedStatus(3, 1, { final: true }));
  assert.equal((await receiving).done, true);
});
