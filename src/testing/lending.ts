/**
 * Whose client the functions of the package use while fakes are installed: the one of the fake that was installed last
 * and is still. When the last of them has gone, everything is as it was.
 */
import type { Lent } from '../client/index.js';
import { lendHere, runtime } from '../client/index.js';

const lenders: Lent[] = [];
let beneath: Lent | undefined;

/** Gives what ends it, which may be called twice. */
export function lendClient(client: Lent['client']): () => void {
  if (lenders.length === 0) beneath = runtime.worker;
  // Of its own, so that one fake that is installed twice is installed twice.
  const lender = lendHere(client);
  lenders.push(lender);
  runtime.worker = lender;
  return () => {
    const index = lenders.indexOf(lender);
    if (index === -1) return;
    lenders.splice(index, 1);
    runtime.worker = lenders.at(-1) ?? beneath;
  };
}
