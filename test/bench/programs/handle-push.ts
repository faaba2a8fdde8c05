import { createCipheriv, createDecipheriv, createHash, randomFillSync, timingSafeEqual } from 'node:crypto'
import coWechat from 'co-wechat'
import { PushReader } from '../../../src/wechat/push.js'
import { reply, writeReply } from '../../../src/wechat/reply.js'
import { readXml } from '../../../src/wechat/xml.js'
import { appID, encodingAESKey, replyTo, token } from './account.js'
import { preparePush } from './prepared-push.js'

/** Whose handling of pushes; `crypto`: the calls of node:crypto alone that a push needs. */
export type Handler = 'ours' | 'theirs' | 'crypto'

const pushes = Array.from({ length: 2_000 }, () => preparePush('safe'))

const reader = new PushReader({
  ...{ appID, tokens: [token], encodingAESKeys: [encodingAESKey], mode: 'safe' },
  clock: { now: () => Date.now() },
})

function handle({ query, body }: (typeof pushes)[number]): string {
  const push = reader.read(query, body)
  if ('refused' in push) throw new Error(push.refused)
  const { FromUserName: to, ToUserName: from } = push.message
  const createTime = Math.floor(Date.now() / 1000)
  return push.seal(writeReply(reply.text(replyTo(push.message)), { to, from, createTime }))
}

const middleware = coWechat({ token, appid: appID, encodingAESKey }).middleware(async (message) => replyTo(message))

/** co-wechat keeps its steps to itself, so its whole middleware runs: on no more of a context than it touches. */
async function handleByCoWechat({ query, body }: (typeof pushes)[number]): Promise<string> {
  const ctx = { method: 'POST', query, request: { body }, body: '', type: '', status: 404 }
  await middleware(ctx)
  return ctx.body
}

const aesKey = Buffer.from(`${encodingAESKey}=`, 'base64')
const iv = aesKey.subarray(0, 16)
const signature = Buffer.alloc(40)
const randoms = Buffer.alloc(4096)

interface Sizes {
  readonly sealed: Buffer
  readonly signed: string
  readonly answer: Buffer
  readonly signedAnswer: string
}

function sizesOf({ query, body }: (typeof pushes)[number]): Sizes {
  const { timestamp, nonce } = query
  const opened = readXml(body)?.['Encrypt']
  const answered = readXml(handle({ query, body }))?.['Encrypt']
  return {
    sealed: Buffer.from(String(opened), 'base64'),
    signed: `${timestamp}${nonce}${opened}${token}`,
    answer: Buffer.from(String(answered), 'base64'),
    signedAnswer: `${timestamp}${nonce}${answered}${token}`,
  }
}

/** Checks, deciphers, enciphers and signs: with node:crypto and nothing around it. */
function cryptoOf({ sealed, signed, answer, signedAnswer }: Sizes, n: number): void {
  createHash('sha1').update(signed).digest('hex')
  timingSafeEqual(signature, signature)
  createDecipheriv('aes-256-cbc', aesKey, iv).setAutoPadding(false).update(sealed)
  timingSafeEqual(iv, iv)
  if (n % 256 === 0) randomFillSync(randoms)
  createCipheriv('aes-256-cbc', aesKey, iv).setAutoPadding(false).update(answer)
  createHash('sha1').update(signedAnswer).digest('hex')
}

/** Of one push. All threads of the process count: the garbage collector's too. */
async function cost(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / pushes.length
}

function textIn(sealed: string): unknown {
  const { Encrypt, MsgSignature: msg_signature, TimeStamp: timestamp, Nonce: nonce } = { ...readXml(sealed) }
  const read = reader.read({ msg_signature, timestamp, nonce }, `<xml><Encrypt>${Encrypt}</Encrypt></xml>`)
  return 'refused' in read ? read.refused : { ...read.message }['Content']
}

const [first] = pushes
if (first === undefined || textIn(handle(first)) !== textIn(await handleByCoWechat(first))) {
  throw new Error('the two do not answer the same')
}
const sizes = pushes.map(sizesOf)
const handlers: Readonly<Record<Handler, () => void | Promise<void>>> = {
  ours() {
    for (const push of pushes) handle(push)
  },
  async theirs() {
    for (const push of pushes) await handleByCoWechat(push)
  },
  crypto() {
    for (const [n, size] of sizes.entries()) cryptoOf(size, n)
  },
}

// Asked for one of them only, so that none pays for another's garbage.
process.on('message', (handler: Handler) => void cost(handlers[handler]).then((micros) => process.send?.(micros)))
process.on('disconnect', () => process.exit())
