// What every pool is given to do: next to nothing, and as much work as one likes, whose answer nobody can guess. It is
// CommonJS, since one of the pools loses its first message to a process whose module takes a moment longer to load.

exports.increment = (number) => number + 1;

/** A whole number that only so many turns of a random generator (xorshift) lead to. */
exports.burn = ([seed, turns]) => {
  let bits = seed | 1;
  for (let turn = 0; turn < turns; turn += 1) {
    bits ^= bits << 13;
    bits ^= bits >>> 17;
    bits ^= bits << 5;
  }
  return bits;
};
