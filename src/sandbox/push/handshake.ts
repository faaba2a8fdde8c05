import { randomInt } from 'node:crypto'
import { handshakeSignature } from '../../wechat/signature.js'
import type { Line } from './line.js'
import { type Stamp, withQuery } from './posting.js'

/** What the console makes of the answer to a handshake. */
export interface HandshakeReport {
  /** Whether the settings would be saved: a 200 with nothing but the `echostr`. */
  accepted: boolean
  /** The HTTP status; missing when there was no answer. */
  status?: number
  /** What was wrong, for the developer. */
  why?: string
}

/** Asks the callback as WeChat's console does when its settings are saved: once, for 5 s, in clear in every mode [MPPUSH]. */
export async function shakeHands(
  { url, token, stamp }: { url: URL; token: string; stamp: Stamp },
  line: Line,
): Promise<HandshakeReport> {
  const { timestamp, nonce } = stamp
  // 19 digits, as in PROTOCOL's vectors: more than a double holds.
  const echostr = `${randomInt(1e9, 1e10)}${String(randomInt(1e9)).padStart(9, '0')}`
  const query = { signature: handshakeSignature(token, timestamp, nonce), echostr, timestamp, nonce }
  const answer = await line.ask({ method: 'GET', url: withQuery(url, query) })
  if (answer.outcome !== 'answered') return { accepted: false, why: `No answer: ${answer.reason}` }
  const { status, body } = answer
  if (status !== 200) return { accepted: false, status, why: `The answer has the status ${status}, not 200` }
  if (!body.equals(Buffer.from(echostr))) {
    return { accepted: false, status, why: 'The answer is not the echostr, or not the echostr alone' }
  }
  return { accepted: true, status }
}
