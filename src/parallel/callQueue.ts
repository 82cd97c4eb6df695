/**
 * Those who wait for a process of a pool, in the order in which they came: first come, first served, and whoever leaves gives up
 * the place. A list of links, so that leaving from the middle costs as little as being served.
 */

interface Link<W> {
  readonly waiting: W;
  previous: Link<W> | null;
  next: Link<W> | null;
}

export class CallQueue<W extends object> {
  readonly #links = new Map<W, Link<W>>();
  #first: Link<W> | null = null;
  #last: Link<W> | null = null;

  get length(): number {
    return this.#links.size;
  }

  get first(): W | undefined {
    return this.#first?.waiting;
  }

  add(waiting: W): void {
    const link: Link<W> = { waiting, previous: this.#last, next: null };
    if (this.#last === null) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#links.set(waiting, link);
  }

  /** Whoever had been served already, in vain. */
  addFirst(waiting: W): void {
    const link: Link<W> = { waiting, previous: null, next: this.#first };
    if (this.#first === null) this.#last = link;
    else this.#first.previous = link;
    this.#first = link;
    this.#links.set(waiting, link);
  }

  /** Does nothing for one that is not in it. */
  remove(waiting: W): void {
    const link = this.#links.get(waiting);
    if (link === undefined) return;
    this.#links.delete(waiting);
    if (link.previous === null) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === null) this.#last = link.previous;
    else link.next.previous = link.previous;
  }
}
