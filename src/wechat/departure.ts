import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Deadline } from './api.js'

/**
 * Asks the deadline before a request leaves, and calls it off by `cancel` if it must not; tells when it has left. It leaves once its
 * connection stands. With a new one by TLS that is when the handshake ends, of which is told only afterwards.
 */
export function watchDeparture(outgoing: ClientRequest, deadline: Deadline, cancel: (reason: unknown) => void): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) {
      if (mayLeave(socket, deadline, cancel)) deadline.departed()
      return
    }
    // Before what waits for the connection is written to it.
    socket.once('connect', () => {
      if (!mayLeave(socket, deadline, cancel)) return
      if (socket instanceof TLSSocket) socket.once('secureConnect', () => deadline.departed())
      else deadline.departed()
    })
  })
}

function mayLeave(socket: Socket, deadline: Deadline, cancel: (reason: unknown) => void): boolean {
  try {
    deadline.leaving()
    return true
  } catch (error) {
    socket.destroy()
    cancel(error)
    return false
  }
}
