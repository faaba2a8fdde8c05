import { HttpError } from '../http/error.js'
import { withoutQuery } from '../wechat/api.js'
import { readMessageText } from '../wechat/push.js'
import { readReplyXml } from '../wechat/reply.js'
import type { Job } from './job.js'

const usualPage = 50
const longestPage = 200

/** A dead letter as people read it. */
export function letterOf({ id, kind, to: receiver, text, accepted, attempts, error, about }: Job) {
  const to = withoutQuery(receiver)
  const content = kind === 'reply' ? { reply: readReplyXml(text) ?? text } : { message: readMessageText(text)?.message }
  return { id, kind, to, accepted: new Date(accepted).toISOString(), attempts, error, delivery: about, ...content }
}

/**
 * Which dead letters a query asks for: `limit`, 1 to 200, default 50, from after the one with the id `after`.
 *
 * @throws {HttpError} 400 that names what is wrong.
 */
export function readPage(query: Readonly<Record<string, unknown>>): { after: { after?: string }; limit: number } {
  const { after, limit = String(usualPage) } = query
  const count = typeof limit === 'string' && /^\d{1,3}$/.test(limit) ? Number(limit) : 0
  if (count < 1 || count > longestPage) throw new HttpError(400, `limit must be a number from 1 to ${longestPage}`)
  if (after === undefined) return { after: {}, limit: count }
  if (typeof after !== 'string' || !/^[\w-]{1,64}$/.test(after)) {
    throw new HttpError(400, 'after must be the id of a dead letter')
  }
  return { after: { after }, limit: count }
}
