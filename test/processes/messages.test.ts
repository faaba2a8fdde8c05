import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Push, type PushReport, Sandbox } from '../../src/sandbox/sandbox.js'
import { openLevel } from '../../src/stores/level.js'
import { systemClock } from '../../src/wechat/clock.js'
import { AppProcess } from '../support/app-process.js'
import { type Asked, BackEndServer } from '../support/back-end.js'
import { Child } from '../support/child.js'
import type { HubCommands, HubSettings } from '../support/child-hub.js'
import { turn } from '../support/movable-clock.js'
import { hubKey, shop } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const secret = 'the-secret-of-a-json-route'
const seed = newSeed()
const hubs = 2
const killsPerHub = 6
/** How long a hub lives after its first answer, in ms: some hundred messages. */
const longestLife = 300

async function configure(folder: string, bot: BackEndServer, audit: BackEndServer): Promise<void> {
  const routes = [
    { to: audit.url, format: 'json', secret, observe: true },
    { to: bot.url, format: 'json', secret },
  ]
  await mkdir(join(folder, 'config'), { recursive: true })
  await writeFile(join(folder, 'config', 'local.json'), JSON.stringify({ accounts: { default: { routes } } }))
}

const environment = (apiDomain: string) => ({
  WECHAT_APPID: shop.appID,
  WECHAT_APPSECRET: shop.appSecret,
  WECHAT_TOKEN: shop.token,
  WECHAT_API_DOMAIN: apiDomain,
  WECHAT_HUB_KEY: hubKey,
})

const idOf = ({ headers }: Asked) => String(headers['x-hub-delivery'])
const messageIn = ({ body }: Asked): string => JSON.parse(body).message.MsgId

/** How often each is there. */
function counted(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** A message and what WeChat was answered. */
interface Sent {
  readonly push: Push
  readonly reports: PushReport[]
}

const isAnswered = ({ reports }: Sent) => reports.some(({ deliveries }) => deliveries[0]?.outcome === 'answered')

/** One hub, which is killed again and again, its WeChat, its back end and its observer. */
class Victim {
  readonly sent: Sent[] = []
  readonly #random: () => number
  readonly #app: AppProcess
  readonly #sandbox = new Sandbox({ accounts: [shop] })
  readonly #bot: BackEndServer
  readonly #audit: BackEndServer
  #env: NodeJS.ProcessEnv = {}
  #url = ''
  #living = false

  private constructor(random: () => number, app: AppProcess, bot: BackEndServer, audit: BackEndServer) {
    this.#random = random
    this.#app = app
    this.#bot = bot
    this.#audit = audit
  }

  static async open(random: () => number): Promise<Victim> {
    let answers = 0
    const bot = await BackEndServer.start(async () => {
      answers += 1
      const answer = `answer ${answers}`
      for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await turn()
      return answer
    })
    const victim = new Victim(random, await AppProcess.inEmptyFolder(), bot, await BackEndServer.start())
    await configure(victim.#app.folder, bot, victim.#audit)
    victim.#env = environment(await victim.#sandbox.listen())
    return victim
  }

  async start(): Promise<void> {
    this.#url = await this.#app.listening(this.#env)
    this.#living = true
  }

  /** Sends messages, three deliveries each, and kills the hub at some instant. Answers how many were not answered then. */
  async killWhileMessagesFlow(): Promise<number> {
    const before = this.sent.length
    const senders = Array.from({ length: 3 }, () => this.#send())
    await until(() => this.sent.slice(before).some(isAnswered))
    await delay(longestLife * this.#random())
    this.#living = false
    this.#app.signal('SIGKILL')
    await this.#app.ended()
    await Promise.all(senders)
    return this.sent.slice(before).filter((each) => !isAnswered(each)).length
  }

  /** The replies that the dead hub has stored, by the ids of their messages. */
  async storedReplies(): Promise<Map<string, string>> {
    const store = await openLevel(join(this.#app.folder, 'data'), { clock: systemClock })
    const entries = await store.list({ prefix: 'once/', limit: 1_000_000 })
    await store.close()
    const claims = entries.map(({ key, value }) => [key.slice(key.lastIndexOf('/') + 1), JSON.parse(value)] as const)
    return new Map(claims.filter(([, claim]) => 'reply' in claim).map(([id, { reply }]) => [id, reply]))
  }

  /** WeChat sends again what it has no answer for, and some of what it has; what was handled is not handled again. */
  async expectTheRestHandled(stored: ReadonlyMap<string, string>): Promise<void> {
    const before = counted(this.#bot.asked.map(idOf))
    for (const each of this.sent.slice(-200)) {
      if (isAnswered(each) && this.#random() < 0.5) continue
      each.reports.push(await this.#again(each.push).deliver())
      expect(isAnswered(each)).toBe(true)
    }
    const after = counted(this.#bot.asked.map(idOf))
    for (const id of stored.keys()) expect([id, after.get(id)]).toEqual([id, before.get(id)])
  }

  /** Each message has reached the back end, and the observer; all deliveries after one that was stored got its reply. */
  async expectAllArrived(): Promise<void> {
    const ids = this.sent.map(({ push }) => String(push.message['MsgId']))
    const arrivedAt = (backEnd: BackEndServer) => new Set(backEnd.asked.map(messageIn))
    await until(() => this.#isDone())
    const [asked, told] = [arrivedAt(this.#bot), arrivedAt(this.#audit)]
    expect(ids.filter((id) => !asked.has(id))).toEqual([])
    expect(ids.filter((id) => !told.has(id))).toEqual([])
  }

  async close(): Promise<void> {
    this.#living = false
    await this.#app.remove()
    await Promise.all([this.#sandbox.close(), this.#bot.close(), this.#audit.close()])
  }

  /** The port is another one after a restart. */
  #again(push: Push): Push {
    return this.#sandbox.preparePush({ url: `${this.#url}/wx`, message: push.message })
  }

  async #send(): Promise<void> {
    while (this.#living) {
      const push = this.#sandbox.preparePush({ url: `${this.#url}/wx`, message: { Content: 'hi' } })
      const each: Sent = { push, reports: [] }
      this.sent.push(each)
      const deliveries = [0, 1, 2].map(async () => {
        for (let turns = Math.floor(this.#random() * 10); turns > 0; turns -= 1) await turn()
        each.reports.push(await push.deliver())
      })
      await Promise.all(deliveries)
    }
  }

  async #isDone(): Promise<boolean> {
    const headers = { authorization: `Bearer ${hubKey}` }
    const metrics = await (await fetch(`${this.#url}/metrics`, { headers })).text()
    return metrics.includes('wechat_hub_outbox_depth{account="default"} 0\n')
  }
}

describe('a hub that is killed at any instant', () => {
  const victims: Victim[] = []

  afterEach(() => Promise.all(victims.splice(0).map((victim) => victim.close())))

  it(`loses no message and no copy, and handles nothing again that it had stored (P4, P8, seed ${seed})`, async () => {
    const random = seeded(seed)
    const unanswered = await Promise.all(
      Array.from({ length: hubs }, async () => {
        const victim = await Victim.open(random)
        victims.push(victim)
        let interrupted = 0
        await victim.start()
        for (let kill = 0; kill < killsPerHub; kill += 1) {
          interrupted += await victim.killWhileMessagesFlow()
          const stored = await victim.storedReplies()
          await victim.start()
          await victim.expectTheRestHandled(stored)
        }
        await victim.expectAllArrived()
        expect(victim.sent.length).toBeGreaterThan(killsPerHub * 5)
        return interrupted
      }),
    )
    // That it was at work when it was interrupted.
    expect(unanswered.reduce((sum, count) => sum + count)).toBeGreaterThan(killsPerHub)
  }, 120_000)
})

describe('a reply that is due when the hub is killed', () => {
  let folder: string
  let sandbox: Sandbox
  let bot: BackEndServer
  let audit: BackEndServer
  let env: Record<string, string>
  const wall = Date.UTC(2026, 0, 1)

  beforeEach(async () => {
    folder = temporaryFolder()
    sandbox = new Sandbox({ accounts: [shop] })
    bot = await BackEndServer.start(() => undefined)
    audit = await BackEndServer.start()
    await configure(folder, bot, audit)
    env = { ...environment(await sandbox.listen()), WECHAT_HUB_DATA: join(folder, 'data') }
  })

  afterEach(async () => {
    await Child.killAll()
    await Promise.all([sandbox.close(), bot.close(), audit.close()])
    removeFolder(folder)
  })

  async function start(later = 0) {
    const settings: HubSettings = { folder, env, wall: wall + later }
    const hub = await Child.start<HubCommands>('child-hub', settings)
    return { hub, url: `http://127.0.0.1:${await hub.ask('port')}/wx` }
  }

  it('is asked for again when the back end’s time and 10 s are over, and goes by customer service', async () => {
    const first = await start()
    const report = sandbox.preparePush({ url: first.url, message: { FromUserName: 'oUser' } }).deliver()
    await bot.askedTimes(1)
    await first.hub.ask('advance', 4_100)
    expect(await report).toMatchObject({ result: 'silent' })
    await first.hub.kill()

    bot.answer = () => 'after all'
    const second = await start(10_000)
    await second.hub.ask('advance', 64_099)
    // Another message goes the same way: had the first one been asked for again, it would be there by now.
    expect(await sandbox.preparePush({ url: second.url }).deliver()).toMatchObject({ result: 'reply' })
    const [due = '', another = ''] = bot.asked.map(idOf)
    expect(bot.asked.map(idOf)).toEqual([due, another])
    await second.hub.ask('advance', 1)
    await bot.askedTimes(3)
    await until(() => sandbox.messages.list().length > 0)
    await second.hub.ask('advance', 600_000)
    expect(await sandbox.preparePush({ url: second.url }).deliver()).toMatchObject({ result: 'reply' })
    expect(sandbox.messages.list()).toMatchObject([{ message: { touser: 'oUser', text: { content: 'after all' } } }])
    expect(bot.asked.map(idOf)).toEqual([due, another, due, expect.any(String)])
  })

  it('and has been there, but not sent, is sent', async () => {
    const first = await start()
    let answer: (text: string) => void = () => undefined
    bot.answer = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const report = sandbox.preparePush({ url: first.url }).deliver()
    await bot.askedTimes(1)
    await first.hub.ask('advance', 4_100)
    expect(await report).toMatchObject({ result: 'silent' })
    sandbox.faults.add({ kind: 'reset', path: '/cgi-bin/message/custom/send' })
    answer('stored')
    await until(() => sandbox.requests.count('/cgi-bin/message/custom/send') > 0)
    await first.hub.kill()
    sandbox.faults.clear()
    const second = await start(10_000)
    await second.hub.ask('advance', 1_000)
    await until(() => sandbox.messages.list().length > 0)
    await second.hub.ask('advance', 600_000)
    expect(sandbox.messages.list()).toMatchObject([{ message: { text: { content: 'stored' } } }])
    expect(bot.asked).toHaveLength(1)
  })
})
