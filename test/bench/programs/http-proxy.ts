import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

/** Forwards everything to `UPSTREAM` by http-proxy over kept connections. */
const proxy = httpProxy.createProxyServer({
  target: process.env['UPSTREAM'] ?? '',
  agent: new Agent({ keepAlive: true }),
})
createServer((request, response) => proxy.web(request, response)).listen(Number(process.env['PORT']))
