/** Answers questions until its client has no more of them. */
import { defineWorker } from 'bgworker/worker';

const WORDS = new Map([
  ['latch', 'a flag that one can wait for'],
  ['epoch', 'the name of one life of a postmaster'],
]);

export const dictionary = defineWorker(import.meta, async (ctx) => {
  let questions = 0;
  for await (const word of ctx.channel) {
    questions++;
    await ctx.channel.send({ word, meaning: WORDS.get(word) ?? null });
  }
  return questions;
});
