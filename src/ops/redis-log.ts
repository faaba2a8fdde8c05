import type { RedisEvent } from '../stores/redis-stores.js'
import type { Logger } from './log.js'

/** Writes what becomes of the way to Redis as lines that a person on call understands. */
export function logRedis(log: Pick<Logger, 'error' | 'warn' | 'info'>, event: RedisEvent): void {
  const { type, where } = event
  if (type === 'redis-away') {
    const sentence =
      'Redis does not answer: tokens in memory are served to their end, logins wait, pushes are handled by this process alone'
    log.error({ event: type, where, err: event.error }, sentence)
  } else if (type === 'redis-back') {
    log.info({ event: type, where, awayMs: event.ms }, 'Redis answers again: everything goes on')
  } else {
    const sentence =
      "this machine's clock differs from that of Redis: set both by NTP, or tokens are held for dead or living too long"
    log.warn({ event: type, where, differenceMs: event.ms }, sentence)
  }
}
