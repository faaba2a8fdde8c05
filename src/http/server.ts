import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How often connections are looked for that have had their last answer, in ms. */
const idleCheck = 50

/** How long requests in flight may take to finish when the server ends, in ms: room for the rest in ten seconds. */
const longestDrain = 9_000

/**
 * An idle connection is kept so long, in ms: longer than nginx and the load balancers of the clouds keep theirs (60 s). Were it the other
 * way round, a request could go out on a connection that is just being closed.
 */
const idleConnection = 75_000

/** A listening HTTP server. */
export interface Listening {
  readonly port: number
  /** Takes no new connection, lets what is in flight finish for at most 9 s, and ends the rest. */
  drain(): Promise<void>
}

/** @throws the system's error when the address can't be had: EADDRINUSE, EACCES, EADDRNOTAVAIL. */
export async function listen(handler: RequestListener, address: { port: number; host: string }): Promise<Listening> {
  const server = createServer(
    {
      keepAliveTimeout: idleConnection,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      // Without it Node looks for slow senders only every 30 s.
      connectionsCheckingInterval: 1_000,
    },
    handler,
  )
  // Node's own answer to an unknown expectation has no headers of ours; the header may be ignored (RFC 9110 10.1.1).
  server.on('checkExpectation', handler)
  await bind(server, address).catch((error: NodeJS.ErrnoException) => {
    // A machine without IPv6 has no "every address" of both kinds.
    if (error.code !== 'EAFNOSUPPORT' || address.host !== '::') throw error
    return bind(server, { ...address, host: '0.0.0.0' })
  })
  return { port: portOf(server), drain: () => drain(server) }
}

function bind(server: Server, address: { port: number; host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  // A server that listens on a port has an AddressInfo; a string would be the path of a Unix socket.
  return (server.address() as AddressInfo).port
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // Connections whose last answer leaves later do not end by themselves: clients keep them for their next request.
  const idle = setInterval(() => server.closeIdleConnections(), idleCheck)
  const cut = setTimeout(() => server.closeAllConnections(), longestDrain)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
