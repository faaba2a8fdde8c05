import type { Context } from 'koa'
import type { Clock } from '../wechat/clock.js'
import type { Push } from '../wechat/push.js'
import { readXml } from '../wechat/xml.js'

/** WeChat gives up 5 s after a delivery. A connection without an answer ends this long, in ms, after it was decided on. */
const longestSilence = 1_500

/** All refusals look alike, whatever was wrong. */
export function refuse(ctx: Context): void {
  ctx.status = 403
  ctx.type = 'text/plain'
  ctx.body = 'mismatch'
}

/** Answers a push: with the XML of a passive reply, with `success` where that is empty, and not at all where it is `undefined`. */
export async function answerPush(ctx: Context, push: Push, reply: string | undefined, clock: Clock): Promise<void> {
  if (reply === undefined) return staySilent(ctx, clock)
  if (reply === '') {
    ctx.set('content-type', 'text/plain; charset=utf-8')
    ctx.body = 'success'
    return
  }
  ctx.set('content-type', `${push.format === 'json' ? 'application/json' : 'text/xml'}; charset=utf-8`)
  ctx.body = push.seal(push.format === 'json' ? asJson(reply, clock.now()) : reply)
}

/** To hand a conversation over is the one passive reply of a mini program, and it can have chosen JSON. */
function asJson(reply: string, now: number): string {
  return JSON.stringify({ ...readXml(reply), CreateTime: Math.floor(now / 1000) })
}

/** [MSG] WeChat cuts a connection on which nothing comes, and sends the push again. */
async function staySilent(ctx: Context, clock: Clock): Promise<void> {
  ctx.respond = false
  await new Promise<void>((resolve) => {
    const stop = clock.after(longestSilence, resolve)
    ctx.res.once('close', () => {
      stop()
      resolve()
    })
  })
  // Of the request nothing is left to destroy: it was read to its end.
  ctx.res.destroy()
}
