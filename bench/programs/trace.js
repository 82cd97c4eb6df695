/**
 * Given to postmaster and workers with `--import` by launch-path.js: notes when which message came in or went out, and
 * leaves the notes in a file when the process ends. Messages are JSON behind two lengths, so their type can be read off
 * the bytes. Nothing of ours has to know of it.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const folder = process.env.BENCH_TRACE;
const isWorker = process.env.BGWORKER_ROLE === 'worker';
const notes = [];
const note = (what) => notes.push(`${process.hrtime.bigint()} ${what}`);
const file = `${folder}/${process.pid}.trace`;
const { appendFileSync } = fs;
const keep = () => {
  if (notes.length > 0) appendFileSync(file, `${notes.splice(0).join('\n')}\n`);
};

/** The frames that begin in these bytes: a length, the header's length, and the header, which begins with its type. */
function noteMessages(direction, bytes) {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= chunk.length; at += 4 + chunk.readUInt32BE(at)) {
    const header = chunk.toString('latin1', at + 8, at + 8 + chunk.readUInt32BE(at + 4));
    const type = /^\{"type":"(\w+)"/.exec(header)?.[1];
    if (type === undefined) return;
    note(`${direction} ${type === 'notify' && header.includes('"phase":"running"') ? 'entered' : type}`);
  }
}

if (isWorker) {
  note('booted');
  const { readSync, writeSync } = fs;
  fs.writeSync = (descriptor, bytes, ...rest) => {
    if (descriptor === 3) noteMessages('out', bytes);
    return writeSync(descriptor, bytes, ...rest);
  };
  fs.readSync = (descriptor, bytes, ...rest) => {
    const read = readSync(descriptor, bytes, ...rest);
    if (descriptor === 4) noteMessages('in', bytes.subarray(0, read));
    return read;
  };
} else {
  const { spawn } = childProcess;
  childProcess.spawn = (...args) => {
    const child = spawn(...args);
    note('spawned');
    return child;
  };
}

const { push } = net.Socket.prototype;
net.Socket.prototype.push = function (bytes, ...rest) {
  if (bytes !== null) noteMessages('in', bytes);
  return push.call(this, bytes, ...rest);
};
const { write } = net.Socket.prototype;
net.Socket.prototype.write = function (bytes, ...rest) {
  if (typeof bytes !== 'string') noteMessages('out', bytes);
  return write.call(this, bytes, ...rest);
};
syncBuiltinESMExports();
process.on('exit', keep);
