import { createServer } from 'node:http'
import { reply, writeReply } from '../../../src/wechat/reply.js'

/** A back end that answers all it is asked at once, as a `FORMAT` back end does. */
const text = reply.text('You said something')
const answers = {
  xml: { type: 'text/xml', body: writeReply(text, { to: 'o1', from: 'gh_1', createTime: 1_700_000_000 }) },
  json: { type: 'application/json', body: JSON.stringify(text) },
}
const { type, body } = answers[process.env['FORMAT'] === 'json' ? 'json' : 'xml']
const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }

createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200, headers).end(body))
}).listen(Number(process.env['PORT']))
