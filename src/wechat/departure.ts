import type { ClientRequest } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Deadline } from './api.js'

/**
 * Asks the deadline before a request leaves, and calls it off by `callOff` if it must not; tells when it has left. It leaves when its
 * connection stands, with TLS after the handshake.
 */
export function watchDeparture(outgoing: ClientRequest, deadline: Deadline, callOff: (reason: unknown) => void): void {
  outgoing.once('socket', (socket) => {
    const leave = () => {
      try {
        deadline.leaving()
      } catch (error) {
        // What waits for the connection is not written to it then.
        socket.destroy()
        callOff(error)
        return
      }
      outgoing.once('finish', () => deadline.departed())
    }
    // A new connection tells of itself here before the request is written to it.
    if (socket.connecting) socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', leave)
    else leave()
  })
}
