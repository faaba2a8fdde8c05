import type { Clock } from '../wechat/clock.js'
import { type ReadMessage, readMessageText } from '../wechat/push.js'
import type { Wechat } from '../wechat/wechat.js'
import type { Answerer } from './answerer.js'
import { BackEnd, type BackEndSettings, type Forwarded, type Late } from './back-end.js'
import { BackEndFault, type FaultKind } from './back-end-fault.js'
import type { BackEnds } from './back-ends.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claims, Settled } from './claims.js'
import type { Copies } from './deduplication.js'
import { Inbox } from './inbox.js'
import { type Job, newJobId } from './job.js'
import type { Outbox } from './outbox.js'
import { type LateReplies, longestWaitForRetry } from './replies.js'
import { sendLateReply } from './send-late-reply.js'
import type { SharedReplies, Way } from './sharing.js'
import { Undeliverable, UnknownReceiver } from './undeliverable.js'

/** A reply that is due is taken for lost this long, in ms, after the back end's time is over. */
const lostAfter = 10_000

/** How long a call of WeChat's may take in all, with a new access_token and with tries, in ms. */
const longestCall = 180_000

/** Faults of a back end that has not been asked. */
const mayAskAgain: ReadonlySet<FaultKind> = new Set(['unreachable', 'busy', 'ended'])

/** An account, and where its pushes go. */
export interface PushAccount {
  /** Its name in the configuration. */
  readonly name: string
  readonly wechat: Wechat
  readonly routes: readonly BackEndSettings[]
  /** Answers what no route takes. Default: nobody does. */
  readonly otherwise?: Answerer | undefined
}

export interface AccountPushesOptions {
  readonly account: PushAccount
  readonly backEnds: BackEnds
  readonly claims: Claims
  readonly outbox: Outbox
  readonly clock: Clock
  readonly observe: (event: CallbackEvent) => void
}

/** The pushes of one account: who answers them, who gets copies, and what becomes of replies that are late. */
export class AccountPushes implements LateReplies, SharedReplies {
  readonly #options: AccountPushesOptions
  readonly #answering: readonly BackEnd[]
  readonly #observing: readonly BackEnd[]
  readonly #inbox: Inbox
  /** Replies that are due: the identity of the message, and the key of the job that would ask again. */
  readonly #due = new Map<string, string>()
  /** Messages whose reply was sent past a store that failed: what would ask again is still in it. */
  readonly #sentUnkept = new Set<string>()

  constructor(options: AccountPushesOptions) {
    const { account, backEnds, claims, clock, observe } = options
    this.#options = options
    const all = account.routes.map((settings) => new BackEnd({ settings, account: account.name, backEnds, clock }))
    this.#answering = all.filter(({ settings }) => !settings.observe)
    this.#observing = all.filter(({ settings }) => settings.observe)
    const { appID, type } = account.wechat
    const copiesOf = (forwarded: Forwarded) => this.#copiesOf(forwarded)
    const shared = claims.shared ? this : undefined
    this.#inbox = new Inbox({ appID, type, clock, claims, copiesOf, observe, lateReplies: this, shared })
  }

  /** As `Inbox.answer`. */
  answer(push: ReadMessage, arrived: number): Promise<string | undefined> {
    return this.#inbox.answer({ push, arrived, answerer: () => this.#answererOf(push) })
  }

  /** Sends what the outbox kept. */
  async send(job: Job): Promise<void> {
    if (job.kind === 'reply') {
      if (job.kept && !(await this.#mayLeave(job))) return
      return sendLateReply(this.#options.account.wechat, job.to, job.text)
    }
    const forwarded = { ...readAgain(job), id: job.about }
    if (job.kind === 'ask') return this.#askAgain(job.to, forwarded)
    await found(oneAt(job.to, this.#observing, forwarded)).tell(forwarded)
  }

  /** How long it may take to send that, in ms. */
  longest({ kind, to }: Job): number {
    if (kind === 'reply') return longestCall
    const there = [...this.#answering, ...this.#observing].filter(({ name }) => name === to)
    return Math.max(0, ...there.map(({ longest }) => longest))
  }

  close(): Promise<void> {
    return this.#inbox.close()
  }

  async expect(forwarded: Forwarded): Promise<void> {
    const answerer = this.#answererOf(forwarded)
    if (answerer === undefined) return
    const job = this.#job('ask', { to: answerer.name, text: forwarded.text, about: forwarded.id })
    this.#due.set(forwarded.id, await this.#options.outbox.add(job, answerer.longest + lostAfter))
  }

  async sendLate(forwarded: Forwarded, reply: string): Promise<void> {
    const replies = this.#replies(forwarded, reply)
    try {
      await this.#keep(forwarded, replies)
    } catch (error) {
      this.#sentUnkept.add(forwarded.id)
      this.#sendOnce(replies)
      throw error
    }
  }

  async overdue(forwarded: Forwarded, late: Late): Promise<string | undefined> {
    const { claims, outbox } = this.#options
    const answerer = this.#answererOf(forwarded)
    if (late === 'drop' || answerer === undefined) return claims.overdue(forwarded.id)
    const job = this.#job('ask', { to: answerer.name, text: forwarded.text, about: forwarded.id })
    const change = outbox.adding(job, answerer.longest + lostAfter)
    const reply = await claims.overdue(forwarded.id, { key: change.put.key, change })
    outbox.added([job])
    return reply
  }

  async settle(forwarded: Forwarded, reply: string, way: Way): Promise<Settled> {
    const { claims, outbox } = this.#options
    const evenOverdue = way === 'left' || way === 'dropped'
    if (way === 'given' || way === 'dropped') {
      return claims.settle(forwarded.id, { reply: evenOverdue ? '' : reply }, [], evenOverdue)
    }
    const kept = way === 'kept'
    const jobs = this.#replies(forwarded, reply).map((job): Job => (kept ? { ...job, kept } : job))
    const changes = jobs.map((job) => outbox.adding(job, kept ? longestWaitForRetry : 0))
    const waiting = kept ? { reply, ...changes.map(({ put }) => ({ kept: put.key }))[0] } : { reply: '' }
    const settled = await claims.settle(forwarded.id, waiting, changes, evenOverdue)
    if (settled === 'settled') outbox.added(jobs)
    return settled
  }

  /** Whether no retry has been given the reply for which this job waited. */
  async #mayLeave({ about, id }: Job): Promise<boolean> {
    const { claims, observe } = this.#options
    const leaving = await claims.leave(about, id)
    if (leaving === 'now') observe({ type: 'late', way: 'customer-service' })
    return leaving !== undefined
  }

  /** In the place of what would ask again. */
  async #keep({ id }: Forwarded, replies: readonly Job[]): Promise<void> {
    const { outbox, account } = this.#options
    const key = this.#due.get(id)
    this.#due.delete(id)
    if (key !== undefined) await outbox.replace(key, account.wechat.appID, replies)
    else for (const job of replies) await outbox.add(job)
  }

  /** For what the store does not take: all that can be done. */
  #sendOnce(jobs: readonly Job[]): void {
    const { observe } = this.#options
    for (const job of jobs) {
      this.send(job).then(
        () => observe({ type: 'sent', job }),
        (error: unknown) => observe({ type: 'not-sent', job, error, retryIn: undefined }),
      )
    }
  }

  /** A push can have come once more since it was to be asked again, and have had its reply. */
  async #askAgain(name: string, forwarded: Forwarded): Promise<void> {
    const { claims, outbox } = this.#options
    const { id } = forwarded
    if (this.#sentUnkept.has(id)) return
    const state = await claims.stateOf(id)
    if (state === 'finished') return
    if (state === 'held') throw new Error('another process is at work on it')
    const replies = this.#replies(forwarded, await this.#askOnceMore(name, forwarded))
    const changes = replies.map((job) => outbox.adding(job))
    const settled = await claims.settle(id, { reply: '' }, changes, true)
    if (settled === 'elsewhere') throw new Error('another process has begun to work on it')
    if (settled === 'settled') outbox.added(replies)
  }

  async #askOnceMore(name: string, forwarded: Forwarded): Promise<string> {
    try {
      return await this.#answererNamed(name, forwarded).ask(forwarded)
    } catch (error) {
      // It may have done what it was asked for: no third time.
      if (!(error instanceof BackEndFault) || mayAskAgain.has(error.kind)) throw error
      this.#options.observe({ type: 'fault', to: name, error })
      return ''
    }
  }

  #answererOf({ message }: ReadMessage): Answerer | undefined {
    return this.#answering.find(({ matches }) => matches(message)) ?? this.#options.account.otherwise
  }

  #answererNamed(name: string, message: ReadMessage): Answerer {
    const { otherwise } = this.#options.account
    return found(oneAt(name, this.#answering, message) ?? (otherwise?.name === name ? otherwise : undefined))
  }

  #copiesOf(forwarded: Forwarded): Copies | undefined {
    const { outbox } = this.#options
    const jobs = this.#observing
      .filter(({ matches }) => matches(forwarded.message))
      .map(({ settings: { to } }) => this.#job('copy', { to, text: forwarded.text, about: forwarded.id }))
    if (jobs.length === 0) return undefined
    return {
      changes: jobs.map((job) => outbox.adding(job)),
      stored: () => outbox.added(jobs),
      unstored: () => this.#sendOnce(jobs),
    }
  }

  #replies({ message, id }: Forwarded, reply: string): readonly Job[] {
    return reply === '' ? [] : [this.#job('reply', { to: message.FromUserName, text: reply, about: id })]
  }

  #job(kind: Job['kind'], about: Pick<Job, 'to' | 'text' | 'about'>): Job {
    const now = this.#options.clock.now()
    return { id: newJobId(now), kind, appID: this.#options.account.wechat.appID, ...about, accepted: now, attempts: 0 }
  }
}

function readAgain({ text }: Job): ReadMessage {
  const read = readMessageText(text)
  if (read === undefined) throw new Undeliverable('the stored message can not be read')
  return read
}

/** Several routes can lead to one back end: the one that takes this message, or else the first. */
function oneAt(to: string, routes: readonly BackEnd[], { message }: ReadMessage): BackEnd | undefined {
  const there = routes.filter(({ name }) => name === to)
  return there.find(({ matches }) => matches(message)) ?? there[0]
}

function found<T>(backEnd: T | undefined): T {
  if (backEnd === undefined) throw new UnknownReceiver('the configuration has no such route any more')
  return backEnd
}
