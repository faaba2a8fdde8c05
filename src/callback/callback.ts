import type { Middleware } from 'koa'
import type { Wechat } from '../wechat/wechat.js'
import { answerHandshake } from './handshake.js'

/**
 * Koa middleware for one's own app: answers WeChat's check of the callback URL. Mount it where WeChat calls.
 *
 * @example
 * router.get('/wx', callback(wechat))
 */
export function callback(wechat: Wechat): Middleware {
  return function answerWechat(ctx) {
    answerHandshake(ctx, [wechat])
  }
}
