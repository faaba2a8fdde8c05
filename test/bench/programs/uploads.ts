import { request } from 'node:http'

/** So many uploads of so many bytes, one after the other. */
export interface Uploads {
  readonly url: string
  readonly bytes: number
  readonly count: number
}

process.on('message', (uploads: Uploads) => void run(uploads).then((seconds) => process.send?.(seconds)))
process.on('disconnect', () => process.exit())

/** How many seconds they took. */
async function run({ url, bytes, count }: Uploads): Promise<number> {
  const body = Buffer.alloc(bytes, 'media')
  const began = performance.now()
  for (let n = 0; n < count; n++) await upload(url, body)
  return (performance.now() - began) / 1000
}

function upload(url: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': body.length }
    const sent = request(url, { method: 'POST', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.once('end', () => (text.includes('ip_list') ? resolve() : reject(new Error(`refused: ${text}`))))
    })
    sent.once('error', reject).end(body)
  })
}
