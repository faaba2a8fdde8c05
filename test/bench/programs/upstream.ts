import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands for WeChat with as little work as can be: the same small answer to everything, once the request has come whole. */
const answer = Buffer.from(
  JSON.stringify({ access_token: 'T'.repeat(157), expires_in: 7200, ip_list: ['101.226.62.77', '101.226.62.78'] }),
)
const server = createServer((request, response) => {
  const send = () => {
    response.writeHead(200, { 'content-type': 'application/json; encoding=utf-8', 'content-length': answer.length })
    response.end(answer)
  }
  if (request.method === 'GET') send()
  else request.resume().once('end', send)
})
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => {
  // It listens on a port, not on a Unix socket.
  const { port } = server.address() as AddressInfo
  process.send?.(`http://127.0.0.1:${port}/`)
})
