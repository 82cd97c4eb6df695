/**
 * Sends datagrams to one Unix socket. Node has no Unix datagram sockets, so this asks the C library, through koffi.
 *
 * - **It never blocks and never ends the process**: a full receiver is an answer, and so is every error.
 * - koffi is an optional package and is loaded only here and only when asked for.
 * - Whoever is started later does not inherit the descriptor.
 */
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';

export type SendOutcome =
  | { readonly state: 'sent' }
  /** The receiver has not read what was sent before. */
  | { readonly state: 'full' }
  | { readonly state: 'failed'; readonly error: string };

interface LibC {
  socket(domain: number, type: number, protocol: number): number;
  sendto(socket: number, bytes: Buffer, size: number, flags: number, address: Buffer, addressSize: number): number;
  close(descriptor: number): number;
  lastError(): string;
}

// Linux's numbers, the same on every machine that Node is made for.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** The size of `sun_path`. */
const MAX_PATH_BYTES = 108;

export class DatagramSocket {
  readonly #libC: LibC;
  readonly #address: Buffer;
  #descriptor: number | null;

  /** `path`: that of a socket in the file system, or with `@` first the name of an abstract one. Throws without koffi. */
  static async open(path: string): Promise<DatagramSocket> {
    const address = socketAddress(path);
    const libC = await loadLibC();
    const descriptor = libC.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor === -1) throw new Error(`socket ${libC.lastError()}`);
    return new DatagramSocket(libC, address, descriptor);
  }

  private constructor(libC: LibC, address: Buffer, descriptor: number) {
    this.#libC = libC;
    this.#address = address;
    this.#descriptor = descriptor;
  }

  trySend(text: string): SendOutcome {
    if (this.#descriptor === null) return { state: 'failed', error: 'the socket is closed' };
    const bytes = Buffer.from(text);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const address = this.#address;
    const sent = this.#libC.sendto(this.#descriptor, bytes, bytes.length, flags, address, address.length);
    if (sent !== -1) return { state: 'sent' };
    const error = this.#libC.lastError();
    return error === 'EAGAIN' || error === 'ENOBUFS' ? { state: 'full' } : { state: 'failed', error };
  }

  /** Safe to call twice. What was sent is the receiver's to read. */
  close(): void {
    if (this.#descriptor !== null) this.#libC.close(this.#descriptor);
    this.#descriptor = null;
  }
}

/** Why koffi cannot be used here; null if it can. */
export async function koffiTrouble(): Promise<string | null> {
  try {
    await loadLibC();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function socketAddress(path: string): Buffer {
  const isAbstract = path.startsWith('@');
  if (!isAbstract && !path.startsWith('/')) throw new Error(`${path} is no path of a Unix socket`);
  const family = Buffer.alloc(2);
  if (endianness() === 'LE') family.writeUInt16LE(AF_UNIX);
  else family.writeUInt16BE(AF_UNIX);
  // An abstract name begins with NUL and ends with its length; a path ends with NUL.
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > MAX_PATH_BYTES) throw new Error(`${path} is longer than an address of a Unix socket can be`);
  return Buffer.concat([family, name]);
}

async function loadLibC(): Promise<LibC> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int domain, int type, int protocol)'),
    sendto: library.func(
      'intptr_t sendto(int socket, const void *bytes, size_t size, int flags, const void *address, uint32_t address_size)',
    ),
    close: library.func('int close(int descriptor)'),
    lastError: () => getSystemErrorName(-koffi.errno()),
  };
}
