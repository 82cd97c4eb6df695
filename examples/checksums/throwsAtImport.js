/** Cannot start: it fails while it is loaded. */
throw new TypeError('the configuration names no database');
