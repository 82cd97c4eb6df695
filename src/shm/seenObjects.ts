/**
 * Which objects a value has named already, so that one object stays one object and a circle comes to an end. Few objects
 * are compared one by one; more go into a Set; and only where one does come again, its number is worth a Map.
 *
 * Nothing is held on to after `forget`.
 */
const COMPARED = 16;

export class SeenObjects {
  readonly #first: (object | undefined)[] = new Array<object | undefined>(COMPARED).fill(undefined);
  #all: Set<object> | undefined;
  #numbers: Map<object, number> | undefined;
  #count = 0;

  /** The number of an object that was named before; -1 for a new one, which gets the next number now. */
  find(object: object): number {
    if (this.#all !== undefined) return this.#findAmongMany(this.#all, object);
    const first = this.#first;
    const count = this.#count;
    for (let number = 0; number < count; number++) if (first[number] === object) return number;
    if (count === COMPARED) {
      this.#all = new Set(first as object[]);
      return this.#findAmongMany(this.#all, object);
    }
    first[count] = object;
    this.#count = count + 1;
    return -1;
  }

  forget(): void {
    for (let number = 0; number < this.#count; number++) this.#first[number] = undefined;
    this.#count = 0;
    this.#all = undefined;
    this.#numbers = undefined;
  }

  #findAmongMany(all: Set<object>, object: object): number {
    const count = all.size;
    all.add(object);
    if (all.size > count) {
      this.#numbers?.set(object, count);
      return -1;
    }
    if (this.#numbers === undefined) {
      this.#numbers = new Map();
      for (const seen of all) this.#numbers.set(seen, this.#numbers.size);
    }
    return this.#numbers.get(object) as number;
  }
}
