import { installMissing, type Program } from './debian-packages.js'

/** Shows the pages. */
export const chromiumProgram: Program = {
  title: 'Chromium',
  names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  variable: 'CHROMIUM',
  debianPackage: 'chromium',
}

/**
 * The server and, with `--sentinel`, its watcher. `redis-check-rdb` is the same program, which does what it is called by:
 * Debian has it in redis-tools, while its package redis-server adds only a link and a service that starts at once.
 */
export const redisServerProgram: Program = {
  title: 'Redis',
  names: ['redis-server', 'redis-check-rdb'],
  variable: 'REDIS_SERVER',
  debianPackage: 'redis-tools',
}

/** Makes the certificates of servers with TLS. */
export const opensslProgram: Program = {
  title: 'OpenSSL',
  names: ['openssl'],
  variable: 'OPENSSL',
  debianPackage: 'openssl',
}

/** For vitest: nothing of the tests that need a program may be skipped. Where none can be installed they say what is missing. */
export default function setup(): void {
  installMissing([chromiumProgram, redisServerProgram, opensslProgram])
}
