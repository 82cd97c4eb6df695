/** A module that ends the process which imports it. */
process.exit(7);

export {};
