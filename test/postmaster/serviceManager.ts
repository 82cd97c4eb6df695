/**
 * What a service manager is to us: the reader of a real datagram socket, through koffi, since Node has none.
 * `read()` waits for the next datagram and fails after ten seconds; a reader that does not read fills its socket.
 */
import assert from 'node:assert/strict';
import { promisify } from 'node:util';
import koffi from 'koffi';

const libC = koffi.load(null);
const socket = libC.func('int socket(int domain, int type, int protocol)');
const bind = libC.func('int bind(int socket, const void *address, uint32_t size)');
const setsockopt = libC.func('int setsockopt(int socket, int level, int option, const void *value, uint32_t size)');
const recv = libC.func('intptr_t recv(int socket, _Out_ uint8_t *bytes, size_t size, int flags)');
const close = libC.func('int close(int descriptor)');
const [AF_UNIX, SOCK_DGRAM, SOL_SOCKET, SO_RCVTIMEO, MSG_DONTWAIT] = [1, 2, 1, 20, 0x40];

export class ServiceManager {
  readonly #descriptor: number;

  /** `path` as in NOTIFY_SOCKET: of the file system, or an abstract name behind `@`. */
  constructor(path: string) {
    this.#descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`;
    const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), Buffer.from(name)]);
    assert.equal(bind(this.#descriptor, address, address.length), 0, `bind ${path}: errno ${koffi.errno()}`);
    const tenSeconds = Buffer.from(new BigInt64Array([10n, 0n]).buffer);
    assert.equal(setsockopt(this.#descriptor, SOL_SOCKET, SO_RCVTIMEO, tenSeconds, tenSeconds.length), 0);
  }

  /** The next datagram's assignments. */
  async read(): Promise<Record<string, string>> {
    const bytes = Buffer.alloc(4096);
    const size: number = await promisify(recv.async)(this.#descriptor, bytes, bytes.length, 0);
    assert.ok(size > 0, 'no datagram came within ten seconds');
    return assignments(bytes.toString('utf8', 0, size));
  }

  /** What is there now. */
  readAll(): Record<string, string>[] {
    const bytes = Buffer.alloc(4096);
    const read: Record<string, string>[] = [];
    for (let size = 0; ; read.push(assignments(bytes.toString('utf8', 0, size)))) {
      size = recv(this.#descriptor, bytes, bytes.length, MSG_DONTWAIT);
      if (size <= 0) return read;
    }
  }

  close(): void {
    close(this.#descriptor);
  }
}

function assignments(text: string): Record<string, string> {
  return Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s, 2)));
}
