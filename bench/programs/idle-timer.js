/** The least that stays: a bare Node with a timer, to which an idle worker is compared. */
setTimeout(() => {}, 2 ** 30);
