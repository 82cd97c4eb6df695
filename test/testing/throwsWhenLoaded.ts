/** A module that cannot be imported. */
throw new TypeError('no database');

export {};
