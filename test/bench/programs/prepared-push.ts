import { randomInt } from 'node:crypto'
import { EnvelopeKey } from '../../../src/wechat/envelope.js'
import type { Mode } from '../../../src/wechat/push.js'
import { handshakeSignature, messageSignature } from '../../../src/wechat/signature.js'
import { writeXml } from '../../../src/wechat/xml.js'
import { appID, callbackPath, encodingAESKey, token } from './account.js'

/** A text message as WeChat would send it: each has an id, a ciphertext and signatures of its own. */
export interface PreparedPush {
  readonly query: Readonly<Record<string, string>>
  readonly body: string
}

const key = new EnvelopeKey(encodingAESKey)
const accountID = 'gh_2623e9bc950b'
let lastID = 2n ** 62n + BigInt(randomInt(2 ** 32)) * 1_000_000n

export function preparePush(mode: Mode): PreparedPush {
  lastID += 1n
  const seconds = Math.floor(Date.now() / 1000)
  const timestamp = String(seconds)
  const nonce = String(randomInt(1e9, 1e10))
  const user = `orRr2wT_ZT7xp1thYSyIxd8${String(lastID).slice(-5)}`
  const text = writeXml({
    ...{ ToUserName: accountID, FromUserName: user, CreateTime: seconds, MsgType: 'text' },
    ...{ Content: '你好，请问你们今天几点开门？ Can I still come at 18:30?', MsgId: String(lastID) },
  })
  const query = { signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce, openid: user }
  if (mode === 'plain') return { query, body: text }
  const encrypt = key.seal(text, appID)
  const signature = messageSignature(token, timestamp, nonce, encrypt)
  return {
    query: { ...query, encrypt_type: 'aes', msg_signature: signature },
    body: writeXml({ ToUserName: accountID, Encrypt: encrypt }),
  }
}

/** The push as an HTTP request, ready to be sent. */
export function requestOf({ query, body }: PreparedPush): Buffer {
  const head = [
    `POST ${callbackPath}?${new URLSearchParams(query)} HTTP/1.1`,
    ...['Host: 127.0.0.1', 'User-Agent: Mozilla/4.0', 'Accept: */*', 'Content-Type: text/xml'],
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
