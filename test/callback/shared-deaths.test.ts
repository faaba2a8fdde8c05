import { expect } from 'vitest'
import type { Answering } from '../support/back-end.js'
import { newSeed, seeded } from '../support/seeded.js'
import { until } from '../support/until.js'
import { jsonRoute } from './with-hub.js'
import { type HubProcess, type Processes, test } from './with-processes.js'

const seed = newSeed()

const pushes = 200
const second = 1_000

/** Pushes come during all of them; WeChat is done with each after 20 s, in which no more than one process ends. */
const lives = Array.from({ length: 5 }, () => 25 * second)
const step = 100

/** What WeChat has shown a user. */
interface Conversation {
  readonly id: string
  readonly user: string
  /** The answers to the deliveries so far. */
  readonly answers: (string | undefined)[]
}

/** A back end that does each thing once, however often it is told to, in 0 to 12 s. */
function idempotent(hub: Processes, random: () => number) {
  const done = new Map<string, Promise<string>>()
  const answer: Answering = ({ headers, body }) => {
    const id = String(headers['x-hub-delivery'])
    const before = done.get(id)
    if (before !== undefined) return before
    const ms = random() < 0.3 ? 1 : Math.floor(12 * second * random())
    const doing = new Promise<string>((resolve) => {
      hub.clock.after(ms, () => resolve(`done: ${JSON.parse(body).message.MsgId}.`))
    })
    done.set(id, doing)
    return doing
  }
  return { done, answer }
}

/** Up to four deliveries, each to one of the processes that live then. */
async function converse(hub: Processes, living: readonly HubProcess[], random: () => number, to: Conversation) {
  for (let deliveries = 0; deliveries < 4; deliveries += 1) {
    const process = living[Math.floor(random() * living.length)]
    if (process === undefined) throw new Error('no process lives')
    const answer = await hub.deliver(process, to.id, to.user)
    to.answers.push(answer)
    if (answer !== undefined) return
  }
}

/** Nothing is on its way to a user: a process that ended right then could not know whether it has arrived. */
function isQuiet(hub: Processes, all: readonly HubProcess[]): boolean {
  const sent = all.flatMap(({ events }) =>
    events.filter((event) => event.type === 'sent' && event.job.kind === 'reply'),
  )
  return sent.length >= hub.told.length
}

test(`processes that end at any time answer each push, and give each user one reply (seed ${seed})`, async ({
  hub,
}) => {
  const random = seeded(seed)
  const bot = idempotent(hub, random)
  const { url } = await hub.backEnd(bot.answer)
  const routes = [
    jsonRoute(url, { match: { FromUserName: { regex: '^oRetry' } }, late: 'retry' }),
    jsonRoute(url, { match: {} }),
  ]
  const all = await hub.startMany(3, routes)
  const living = [...all]
  const conversations: Conversation[] = []
  for (let n = 0; n < pushes; n += 1) {
    const to = { id: String(n), user: `${random() < 0.5 ? 'oRetry' : 'oUser'}${n}`, answers: [] }
    conversations.push(to)
    hub.clock.after(Math.floor(lives.length * 25 * second * random()), () => void converse(hub, living, random, to))
  }
  for (const life of lives) {
    const endsAt = life * 0.1 * random()
    for (let ms = 0; ms < life; ms += step) {
      await hub.advance(step)
      if (ms > endsAt && ms - step <= endsAt) {
        await until(() => isQuiet(hub, all))
        living.splice(Math.floor(random() * living.length), 1)[0]?.store.kill()
        const [fresh] = await hub.startMany(1, routes)
        if (fresh !== undefined) all.push(fresh)
        living.push(...(fresh === undefined ? [] : [fresh]))
      }
    }
  }
  for (let ms = 0; ms < 300 * second; ms += second) await hub.advance(second)
  await until(() => isQuiet(hub, all))
  expect(await hub.store.list('outbox/')).toEqual([])
  expect(all.flatMap(({ events }) => events.filter(({ type }) => type === 'store-failed'))).toEqual([])
  expect(bot.done.size).toBe(pushes)
  const told = hub.told.map((message) => JSON.stringify(message))
  for (const { id, user, answers } of conversations) {
    const last = answers.at(-1)
    expect(last).toBeDefined()
    const replies = [last ?? '', ...told.filter((message) => message.includes(`"${user}"`))].filter(
      (reply) => reply !== '',
    )
    expect([id, answers, replies]).toEqual([id, answers, [expect.stringContaining(`done: ${id}.`)]])
  }
}, 120_000)
