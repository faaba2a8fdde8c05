import type { Socket } from 'node:net'

/** WeChat ended the connection while the caller was slow: all that it sent has been taken. */
export class EndedWhilePaused extends Error {
  override readonly name = 'EndedWhilePaused'
}

/** In place of ECONNRESET, which undici 7 takes for an end: it would call a broken answer whole, or throw out of the event if it is paused. */
export const resetCode = 'WECHAT_RESET'

/** WeChat broke the connection: what it sent may lack its end. */
class ConnectionReset extends Error {
  override readonly name = 'ConnectionReset'
  readonly code = resetCode
}

/**
 * Has `attach` put undici's listeners on a new connection, and mends how they take its end:
 *
 * - What undici 7 does at the end of a connection that was not to be kept throws if the answer is paused, out of an event, where
 *   nobody catches it (nodejs/undici#5360; mended in 8, which needs Node 22).
 * - libuv tells of a reset that comes with the last bytes as of an end (libuv/libuv#2319; libuv/libuv#4997 mends it). An answer that ends
 *   with its connection would pass for whole.
 */
export function takingEnds(socket: Socket, attach: () => void): void {
  const before = new Set(socket.listeners('end'))
  attach()
  for (const listener of socket.listeners('end')) {
    if (before.has(listener)) continue
    socket.removeListener('end', listener as () => void)
    socket.on('end', () => {
      if (isReset(socket)) {
        socket.destroy(new ConnectionReset('the connection was reset'))
        return
      }
      try {
        Reflect.apply(listener, socket, [])
      } catch (cause) {
        socket.destroy(new EndedWhilePaused('the connection has ended', { cause }))
      }
    })
  }
}

/**
 * Whether a connection that seems to have ended was reset: then it has no peer any more. So has one that was ended first and reset then,
 * before anybody read the end, such as that of an upload that WeChat refused early: nobody can tell any more whether all had come.
 */
function isReset(socket: Socket): boolean {
  // Node asks the system with the first look and keeps what it hears: nobody may look before. undici looks only when all is over.
  return socket.remoteAddress === undefined
}
