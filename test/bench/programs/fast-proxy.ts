import { createServer } from 'node:http'
import fastProxy from 'fast-proxy'

/** Forwards everything to `UPSTREAM` by fast-proxy, as it comes. */
const { proxy } = fastProxy({ base: process.env['UPSTREAM'] ?? '' })
createServer((request, response) => proxy(request, response, request.url ?? '/', {})).listen(
  Number(process.env['PORT']),
)
