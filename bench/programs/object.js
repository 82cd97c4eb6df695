// An object of ten fields, as somebody may send it, of kinds that JSON has too; and what it weighs, for which every field
// must be there and be right.

export function objectOf(number) {
  return {
    id: 1_000_000 + number,
    customer: `customer ${number % 100}`,
    city: ['Berlin', 'Zürich', 'Malmö', 'Lyon'][number % 4],
    amount: number * 1.25 + 0.1,
    currency: 'EUR',
    isPaid: number % 2 === 0,
    position: number,
    parent: null,
    note: 'deliver to the neighbour if nobody is there',
    createdAt: 1_700_000_000_000 + number * 1_000,
  };
}

/** A whole number, so that sums do not depend on their order. */
export function weightOf(object) {
  return (
    (object.id % 1_000) +
    object.customer.length +
    object.city.length +
    Math.round(object.amount * 10) +
    object.currency.length +
    (object.isPaid ? 1 : 0) +
    object.position +
    (object.parent === null ? 1 : 1_000_000) +
    object.note.length +
    ((object.createdAt / 1_000) % 1_000)
  );
}
