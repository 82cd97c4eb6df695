/**
 * A postmaster that does what a test tells it: it speaks the protocol over a real unix socket, and shows the client
 * what a real one hardly ever does. It can cut a connection at any byte, come back under another epoch, answer late or
 * never, split and join what it sends.
 *
 * It welcomes whoever says hello; everything else it only collects, until the test takes it (`next`) and answers.
 */
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StopReason, WorkerStatus } from '../../src/core/index.js';
import type { ClientMessage, PostmasterMessage, Registration, StatusEnvelope } from '../../src/protocol/index.js';
import {
  decodeRegister,
  encodeFrame,
  encodeStatus,
  FrameReader,
  introduce,
  parseClientMessage,
} from '../../src/protocol/index.js';

export type Said<Type extends ClientMessage['type']> = Type extends 'register'
  ? Registration
  : Extract<ClientMessage, { type: Type }>;

interface Heard {
  readonly connection: FakeConnection;
  readonly message: ClientMessage;
  readonly attachments: readonly Uint8Array[];
}

let epochs = 0;

/** Unique, as those of real postmasters are: a client remembers the dead. */
export function newEpoch(): string {
  epochs += 1;
  return `epoch${epochs}`;
}

export class FakePostmaster {
  readonly directory = mkdtempSync(join(tmpdir(), 'bgworker-fake-'));
  epoch: string;
  /** What is done with whoever says hello. */
  onHello: (connection: FakeConnection) => void = (connection) => connection.welcome();
  readonly connections: FakeConnection[] = [];
  /** Everything that was said and not taken, hellos excepted. */
  readonly heard: Heard[] = [];
  #server: Server | undefined;
  #wake: () => void = () => {};

  constructor(epoch = newEpoch()) {
    this.epoch = epoch;
    chmodSync(this.directory, 0o700);
    mkdirSync(join(this.directory, 'args'));
  }

  static async start(epoch?: string, backlog?: number): Promise<FakePostmaster> {
    const postmaster = new FakePostmaster(epoch);
    await postmaster.listen(backlog);
    return postmaster;
  }

  /** `backlog`: how many may wait to be accepted. */
  async listen(backlog = 511): Promise<void> {
    this.#server = createServer((socket) => {
      this.connections.push(new FakeConnection(this, socket));
    });
    this.#server.listen({ path: join(this.directory, 'postmaster.sock'), backlog });
    await once(this.#server, 'listening');
  }

  /** Nobody can connect any more; those who are connected stay. */
  stopListening(): void {
    this.#server?.close();
    rmSync(join(this.directory, 'postmaster.sock'), { force: true });
  }

  /** As SIGKILL would leave it. */
  die(): void {
    this.#server?.close();
    for (const connection of this.connections) connection.cut();
  }

  close(): void {
    this.die();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Takes the next message of a type, waiting for it if it has not come yet. */
  async next<Type extends ClientMessage['type']>(
    type: Type,
  ): Promise<{ connection: FakeConnection; message: Said<Type>; attachments: readonly Uint8Array[] }> {
    for (;;) {
      const index = this.heard.findIndex(({ message }) => message.type === type);
      const [found] = index === -1 ? [] : this.heard.splice(index, 1);
      if (found !== undefined) return { ...found, message: found.message as unknown as Said<Type> };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  hear(heard: Heard): void {
    if (heard.message.type === 'hello') return this.onHello(heard.connection);
    this.heard.push(heard);
    this.#wake();
  }
}

export class FakeConnection {
  readonly #postmaster: FakePostmaster;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();

  constructor(postmaster: FakePostmaster, socket: Socket) {
    this.#postmaster = postmaster;
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        const { message, attachments } = parseClientMessage(frame);
        const whole = message.type === 'register' ? decodeRegister(message, attachments) : message;
        postmaster.hear({ connection: this, message: whole, attachments });
      }
    });
  }

  welcome(changes: Partial<Extract<PostmasterMessage, { type: 'welcome' }>> = {}): void {
    const { epoch, directory } = this.#postmaster;
    this.send({ type: 'welcome', epoch, directory, ...introduce(), ...changes });
  }

  send(message: PostmasterMessage, attachments: readonly Uint8Array[] = []): void {
    this.write(encodeFrame(message, attachments));
  }

  tell(status: WorkerStatus, envelope: StatusEnvelope = { type: 'notify' }): void {
    this.write(encodeStatus(status, performance.now(), envelope));
  }

  registered(request: number, status: WorkerStatus, existing = false): void {
    this.tell(status, { type: 'registered', request, existing });
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Each byte in a chunk of its own, as far as the kernel lets us. */
  async trickle(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += 1) {
      this.#socket.write(bytes.subarray(at, at + 1));
      await new Promise(setImmediate);
    }
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.#socket.destroy();
  }
}

/** A worker's status, of a worker that was just registered unless said otherwise. */
export function statusOf(changes: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    slot: 0,
    generation: 1,
    name: 'w',
    sequence: 0,
    status: 'notYetStarted',
    phase: null,
    pid: null,
    startedFrom: null,
    attempts: 0,
    deaths: 0,
    reason: null,
    final: false,
    willRestart: false,
    retryAt: null,
    result: null,
    ...changes,
  };
}

/** The attempt runs: its function was entered. */
export function runningStatus(sequence: number, attempt = 1, changes: Partial<WorkerStatus> = {}): WorkerStatus {
  return statusOf({
    sequence,
    status: 'started',
    phase: 'running',
    pid: 1000 + attempt,
    attempts: attempt,
    deaths: attempt - 1,
    reason: attempt > 1 ? reasonOf({ attempt: attempt - 1 }) : null,
    ...changes,
  });
}

/** The attempt is over, and another one follows unless it is final. */
export function stoppedStatus(sequence: number, attempt = 1, changes: Partial<WorkerStatus> = {}): WorkerStatus {
  const final = changes.final ?? false;
  return statusOf({
    sequence,
    status: 'stopped',
    attempts: attempt,
    deaths: attempt,
    reason: reasonOf({ attempt }),
    willRestart: !final,
    retryAt: final ? null : performance.now() + 1_000,
    ...changes,
  });
}

export function reasonOf(changes: Partial<StopReason> = {}): StopReason {
  return {
    kind: 'exited',
    phase: 'running',
    pid: 1001,
    code: 3,
    signal: null,
    output: 'the last words\n',
    attempt: 1,
    forkedAt: 1,
    enteredAt: 2,
    stoppedAt: 3,
    ...changes,
  } as StopReason;
}
