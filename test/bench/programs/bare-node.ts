/** A Node process that has nothing to do. */
setInterval(() => undefined, 2 ** 31 - 1)
