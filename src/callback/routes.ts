import type { Context } from 'koa'
import type { Accounts } from '../accounts.js'
import { HttpError } from '../http/error.js'
import type { Route } from '../http/route.js'
import type { Clock } from '../wechat/clock.js'
import type { Wechat } from '../wechat/wechat.js'
import { answerPush, refuse } from './answer.js'
import type { CallbackEvent } from './callback-event.js'
import { letterOf, readPage } from './dead-letter.js'
import { answerHandshake } from './handshake.js'
import type { Pushes } from './pushes.js'
import { receivePush } from './receive.js'

export interface CallbackRoutesOptions {
  readonly accounts: Accounts
  readonly pushes: Pushes
  readonly clock: Clock
  /** The account a request is about. */
  accountOf(ctx: Context): { readonly appID: string }
  /** Told of each push that is refused. `account`: whose it would have been, if the path says so. */
  refused(
    event: Extract<CallbackEvent, { type: 'refused' }>,
    about: { account: string | undefined; requestId: string },
  ): void
}

/** What WeChat calls, and what is left of its pushes. A path that names no account takes in all: the signature tells whose it is. */
export function callbackRoutes({ accounts, pushes, clock, accountOf, refused }: CallbackRoutesOptions): Route[] {
  const all = accounts.all.map(({ wechat }) => wechat)
  const named = (ctx: Context): readonly Wechat[] => {
    const name: string | undefined = ctx['params'].account
    const found = name === undefined ? undefined : accounts.find(name)
    return name === undefined ? all : found === undefined ? [] : [found.wechat]
  }
  const handshake = (ctx: Context) => answerHandshake(ctx, named(ctx))
  const push = async (ctx: Context) => {
    const arrived = clock.monotonic()
    const received = await receivePush(ctx, named(ctx))
    if ('refused' in received) {
      const account = accounts.find(ctx['params'].account ?? '')?.name
      refused({ type: 'refused', reason: received.refused }, { account, requestId: ctx.state['requestId'] })
      return refuse(ctx)
    }
    ctx.state['account'] = accounts.find(received.wechat.appID)
    const reply = await pushes.answer(received.wechat.appID, received.push, arrived)
    await answerPush(ctx, received.push, reply, clock)
  }
  const list = async (ctx: Context) => {
    const { after, limit } = readPage(ctx.query)
    const jobs = await pushes.outbox.deadLetters.list(accountOf(ctx).appID, { ...after, limit: limit + 1 })
    const page = jobs.slice(0, limit)
    const next = jobs.length > limit ? { next: page.at(-1)?.id } : {}
    ctx.body = { dead_letters: page.map(letterOf), ...next }
  }
  const redeliver = async (ctx: Context) => {
    const { id } = ctx['params']
    if (!(await pushes.outbox.redeliver(accountOf(ctx).appID, id))) throw noSuchLetter()
    ctx.status = 202
    ctx.body = { id }
  }
  const remove = async (ctx: Context) => {
    const { id } = ctx['params']
    if (!(await pushes.outbox.deadLetters.remove(accountOf(ctx).appID, id))) throw noSuchLetter()
    ctx.body = { id }
  }
  const letters = '/v1/:account/dead-letters'
  const admin = { scope: 'admin' } as const
  return [
    { method: 'GET', path: '/', name: 'handshake at the root', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx', name: 'handshake', who: 'wechat', handle: handshake },
    { method: 'GET', path: '/wx/:account', name: 'handshake of an account', who: 'wechat', handle: handshake },
    { method: 'POST', path: '/wx', name: 'push', who: 'wechat', handle: push },
    { method: 'POST', path: '/wx/:account', name: 'push of an account', who: 'wechat', handle: push },
    { method: 'GET', path: letters, name: 'dead letters', who: admin, handle: list },
    { method: 'POST', path: `${letters}/:id/redeliver`, name: 'redelivery', who: admin, handle: redeliver },
    { method: 'DELETE', path: `${letters}/:id`, name: 'dead letter', who: admin, handle: remove },
  ]
}

function noSuchLetter(): HttpError {
  return new HttpError(404, 'there is no such dead letter', { hint: 'it may have been sent again, or removed' })
}
