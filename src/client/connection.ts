/**
 * The socket of a client, and with world.ts all that knows one. It connects, says hello, reads the welcome, and keeps the
 * conversation of session.ts going over as many sockets as that takes.
 *
 * **The end of a connection is a question, not an answer** (D2). It is asked by connecting again, at once:
 * - refused, or no socket there: nothing accepts, so the postmaster is dead;
 * - a welcome with another epoch: the postmaster is dead, and has a successor;
 * - a welcome with our epoch: it lives; the session repeats what is unanswered and the waits go on;
 * - anything else (its backlog is full, we are out of descriptors, it is shutting down): no answer; asked again after a
 *   pause. No length of time ever decides.
 * A `goodbye` comes before every end that the postmaster wants, and says why.
 *
 *     connecting --> greeting --> open        lost from any of them: connecting again, or a pause before it
 *         ^                                   from any of them: closed, for good, and why
 *         +------------ pausing
 *
 * The process is kept alive only while somebody holds the connection (`hold`): whoever waits does. Nothing here throws
 * into a host that did not ask: errors of the socket are facts for the rules above.
 *
 * Model: PostmasterIsAlive and WL_POSTMASTER_DEATH; C has a pipe, whose end can only mean one thing.
 */
import { assert, BgworkerError } from '../base/index.js';
import type { Asker, AskOptions, HelloMessage, PostmasterMessage, Telling } from '../protocol/index.js';
import { ClientSession, FrameError, MessageError, whyNotServed } from '../protocol/index.js';
import { errorOfRefusal, PostmasterDiedError, ProtocolMismatchError } from './errors.js';
import { findDirectory } from './findDirectory.js';
import type { Wire, World } from './world.js';

/** How a connection ended for good. */
export type ConnectionEnd =
  /** By us. */
  | { readonly how: 'disposed' }
  /** The postmaster said that it shuts down. */
  | { readonly how: 'shutdown' }
  | { readonly how: 'postmasterDied'; readonly detail: string }
  /** The two of us cannot go on; whether it lives is not known. */
  | { readonly how: 'failed'; readonly error: BgworkerError };

export interface Greeting {
  readonly epoch: string;
  readonly directory: string;
  readonly pid: number;
}

type Welcome = Extract<PostmasterMessage, { type: 'welcome' }>;
type Goodbye = Extract<PostmasterMessage, { type: 'goodbye' }>;
export type News = Exclude<Telling, Welcome | Goodbye>;

/** Who owns a connection: it is told of everything that is no reply, in order, while the bytes are read. */
export interface ConnectionOwner {
  received(message: News, attachments: readonly Uint8Array[]): void;
  /** The connection is lost for now: replies come later, and what else was told in between is lost. */
  lost(): void;
  /** It is still, and the first attempt to learn what that means got no answer. */
  stayedLost(): void;
  /** It is there again, to the same postmaster. */
  resumed(): void;
  ended(end: ConnectionEnd): void;
}

export interface ConnectionOptions {
  readonly directory: string;
  readonly hello: Omit<HelloMessage, 'type'>;
  readonly owner: ConnectionOwner;
  readonly dial: World['dial'];
}

type State =
  | { readonly state: 'connecting' | 'greeting' | 'open'; readonly socket: Wire }
  | { readonly state: 'pausing'; readonly timer: NodeJS.Timeout }
  | { readonly state: 'unopened' }
  | { readonly state: 'closed'; readonly end: ConnectionEnd };

/** The pause after a question without an answer; each is twice as long as the one before. */
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 1_000;
/** Whoever ends a first connection so often without a word is no postmaster. */
const MAX_SILENT_ENDS = 12;

const NOBODY_ACCEPTS = ['ECONNREFUSED', 'ENOENT', 'ENOTDIR'];
/** These say nothing about the other side: it or we are short of something for the moment, or it was just ending. */
const NO_ANSWER = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EINTR', 'ECONNRESET', 'EPIPE'];

export class Connection {
  readonly #directory: string;
  readonly #hello: ConnectionOptions['hello'];
  readonly #owner: ConnectionOwner;
  readonly #dial: World['dial'];
  readonly #session: ClientSession;
  #state: State = { state: 'unopened' };
  /** The postmaster this connection is to, from the first welcome on. */
  #greeting: Greeting | undefined;
  #opening: { readonly resolve: (greeting: Greeting) => void; readonly reject: (error: unknown) => void } | undefined;
  #holds = 0;
  /** Questions in a row that got no answer. */
  #unanswered = 0;

  constructor({ directory, hello, owner, dial }: ConnectionOptions) {
    this.#directory = directory;
    this.#hello = hello;
    this.#owner = owner;
    this.#dial = dial;
    this.#session = new ClientSession(hello, (message, attachments) => this.#heard(message, attachments));
  }

  /** Who welcomed us; known from the moment `open` resolves. */
  get greeting(): Greeting {
    assert(this.#greeting !== undefined, 'nobody uses a connection that is not open');
    return this.#greeting;
  }

  get end(): ConnectionEnd | null {
    return this.#state.state === 'closed' ? this.#state.end : null;
  }

  /** The socket under way, if there is one. */
  get wire(): Wire | null {
    return 'socket' in this.#state ? this.#state.socket : null;
  }

  /** Connects for the first time. Rejects if nobody accepts, and with the signal's reason. */
  open(signal?: AbortSignal): Promise<Greeting> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const release = this.hold();
      const settled = (): void => {
        release();
        signal?.removeEventListener('abort', aborted);
      };
      const aborted = (): void => {
        settled();
        this.#opening = undefined;
        this.#finish({ how: 'disposed' });
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#opening = {
        resolve: (greeting) => {
          settled();
          resolve(greeting);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#connect();
    });
  }

  /** Asks; the number is good for `withdraw`. */
  ask(make: (request: number) => Buffer, asker: Asker, options?: AskOptions): number {
    if (this.#state.state === 'closed') {
      asker.failed(errorOfEnd(this.#state.end));
      return 0;
    }
    const number = this.#session.ask(make, asker, options);
    this.#flush();
    return number;
  }

  /** As ClientSession.withdraw. */
  withdraw(request: number): boolean {
    const wasSent = this.#session.withdraw(request);
    this.#flush();
    return wasSent;
  }

  tell(bytes: Buffer): void {
    this.#session.tell(bytes);
    this.#flush();
  }

  /** Keeps the process alive until the release, which may be called twice. */
  hold(): () => void {
    this.#holds += 1;
    if (this.#holds === 1) this.#applyHold();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds -= 1;
      if (this.#holds === 0) this.#applyHold();
    };
  }

  /** What was said so far is still sent. */
  close(): void {
    this.#finish({ how: 'disposed' });
  }

  #connect(): void {
    const socket = this.#dial(this.#directory);
    let failure: NodeJS.ErrnoException | undefined;
    this.#state = { state: 'connecting', socket };
    this.#applyHold();
    socket.on('connect', () => {
      if (!this.#isCurrent(socket)) return;
      this.#state = { state: 'greeting', socket };
      this.#session.connected();
      this.#flush();
    });
    socket.on('data', (chunk) => {
      if (this.#isCurrent(socket)) this.#read(chunk);
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      if (this.#isCurrent(socket)) this.#lost(failure);
    });
  }

  #read(chunk: Buffer): void {
    try {
      this.#session.receive(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#finish({ how: 'failed', error });
      return;
    }
    this.#flush();
  }

  #heard(message: Telling, attachments: readonly Uint8Array[]): void {
    if (message.type === 'goodbye') return this.#dismissed(message);
    if (message.type === 'welcome') return this.#welcomed(message);
    if (this.#state.state !== 'open') throw new MessageError('a message before the welcome', message.type);
    this.#owner.received(message, attachments);
  }

  #welcomed(welcome: Welcome): void {
    if (this.#state.state !== 'greeting') throw new MessageError('a second welcome', welcome.epoch);
    const { epoch, directory, pid } = welcome;
    const mismatch = whyNotServed(welcome, this.#hello, directory);
    if (mismatch !== undefined && this.#hello.purpose !== 'shutdown') {
      return this.#finish({ how: 'failed', error: new ProtocolMismatchError(mismatch, this.#hello, welcome) });
    }
    const known = this.#greeting;
    if (known !== undefined && known.epoch !== epoch) {
      return this.#finish({ how: 'postmasterDied', detail: `${known.epoch} has a successor, ${epoch}` });
    }
    this.#state = { state: 'open', socket: this.#state.socket };
    this.#unanswered = 0;
    this.#greeting = { epoch, directory, pid };
    this.#session.welcomed();
    if (known !== undefined) return this.#owner.resumed();
    this.#opening?.resolve(this.#greeting);
    this.#opening = undefined;
  }

  #dismissed({ reason, refusal, postmaster }: Goodbye): void {
    if (reason === 'shutdown') return this.#finish({ how: 'shutdown' });
    // It is going down, so our workers are; but what becomes of them is known only when it is gone.
    if (reason === 'shuttingDown' && this.#greeting !== undefined) return this.#lost(undefined);
    const error =
      reason === 'protocolMismatch'
        ? new ProtocolMismatchError(refusal, this.#hello, postmaster ?? null)
        : errorOfRefusal(refusal);
    this.#finish({ how: 'failed', error });
  }

  /** The socket is gone, without a goodbye or before there was a welcome. */
  #lost(failure: NodeJS.ErrnoException | undefined): void {
    const { state } = this.#state;
    const code = failure?.code ?? '';
    this.#drop();
    this.#session.disconnected();
    if (state === 'open') this.#owner.lost();
    if (state === 'connecting' && NOBODY_ACCEPTS.includes(code)) return this.#nobodyAccepts(code);
    const unasked = this.#greeting === undefined ? this.#whyNotAgain(failure) : undefined;
    if (unasked !== undefined) return this.#finish({ how: 'failed', error: unasked });
    this.#unanswered += 1;
    if (state === 'open') this.#connect();
    else this.#pause();
  }

  #nobodyAccepts(code: string): void {
    if (this.#greeting !== undefined) {
      const detail = `process ${this.#greeting.pid} in ${this.#directory} accepts no more (${code})`;
      return this.#finish({ how: 'postmasterDied', detail });
    }
    const error = new BgworkerError('ERR_NO_POSTMASTER', 'no postmaster is running there', {
      detail: `${this.#directory} (${code})`,
      hint: `start one: ${startCommand(this.#directory)}, or startPostmaster({ directory }) in a program; or name its directory`,
    });
    this.#finish({ how: 'failed', error });
  }

  /** A first connection gives up where trying again cannot help. */
  #whyNotAgain(failure: NodeJS.ErrnoException | undefined): BgworkerError | undefined {
    if (failure?.code !== undefined && !NO_ANSWER.includes(failure.code)) {
      return new BgworkerError('ERR_CANNOT_CONNECT', 'cannot connect to the postmaster', {
        detail: `${this.#directory}: ${failure.message}`,
        hint: 'the directory belongs to one user, and its path must be short enough for a socket',
        cause: failure,
      });
    }
    if (failure !== undefined || this.#unanswered < MAX_SILENT_ENDS) return undefined;
    return new BgworkerError('ERR_NO_WELCOME', 'whoever listens there is no postmaster', {
      detail: `${this.#directory}: ended the connection ${this.#unanswered} times without a word`,
      hint: 'remove what listens there, or use another directory',
    });
  }

  #pause(): void {
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#unanswered - 1));
    const timer = setTimeout(() => this.#connect(), pauseMs);
    this.#state = { state: 'pausing', timer };
    this.#applyHold();
    if (this.#greeting !== undefined) this.#owner.stayedLost();
  }

  #finish(end: ConnectionEnd): void {
    if (this.#state.state === 'closed') return;
    const { state } = this.#state;
    if (end.how === 'disposed' && this.#state.state === 'open') {
      this.#flush();
      this.#state.socket.destroySoon();
    } else {
      this.#drop();
    }
    this.#state = { state: 'closed', end };
    const opening = this.#opening;
    this.#opening = undefined;
    if (state === 'open') this.#owner.lost();
    if (this.#greeting !== undefined) this.#owner.ended(end);
    const error = errorOfEnd(end);
    this.#session.fail(error);
    opening?.reject(error);
  }

  #drop(): void {
    if (this.#state.state === 'pausing') clearTimeout(this.#state.timer);
    else if ('socket' in this.#state) this.#state.socket.destroy();
  }

  #flush(): void {
    if (this.#state.state !== 'greeting' && this.#state.state !== 'open') return;
    const { socket } = this.#state;
    for (const bytes of this.#session.takeOutput()) socket.write(bytes);
  }

  #applyHold(): void {
    if (this.#state.state === 'unopened' || this.#state.state === 'closed') return;
    const alive = this.#state.state === 'pausing' ? this.#state.timer : this.#state.socket;
    if (this.#holds > 0) alive.ref();
    else alive.unref();
  }

  /** What an earlier socket still has to say concerns nobody. */
  #isCurrent(socket: Wire): boolean {
    return 'socket' in this.#state && this.#state.socket === socket;
  }
}

function startCommand(directory: string): string {
  return directory === findDirectory() ? 'bgworker start' : `bgworker start --directory ${directory}`;
}

/** What those are told who asked for something and will get no answer. */
export function errorOfEnd(end: ConnectionEnd): BgworkerError {
  switch (end.how) {
    case 'failed':
      return end.error;
    case 'postmasterDied':
      return new PostmasterDiedError(end.detail);
    case 'shutdown':
      return new PostmasterDiedError('it was shut down');
    case 'disposed':
      return new BgworkerError('ERR_CLIENT_CLOSED', 'the client was closed', { hint: 'connect again' });
  }
}
