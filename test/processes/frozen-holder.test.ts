import { join } from 'node:path'
import { afterAll, describe, type ExpectStatic, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { fileStore } from '../../src/stores/file.js'
import type { TokenEndpointName } from '../../src/wechat/token-endpoint.js'
import { Child } from '../support/child.js'
import type { WechatCommands } from '../support/child-wechat.js'
import { SlowLine } from '../support/slow-line.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const identity = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }
const { appID } = identity
const endpoints: TokenEndpointName[] = ['token', 'stable_token']
const root = temporaryFolder()

afterAll(async () => {
  await Child.killAll()
  removeFolder(root)
})

/** A folder that programs share, and their WeChat. */
class Company {
  readonly sandbox = new Sandbox({ accounts: [identity] })
  readonly #folder: string
  readonly #endpoint: TokenEndpointName
  readonly #programs: Child<WechatCommands>[] = []
  #apiDomain = ''

  constructor(name: string, endpoint: TokenEndpointName) {
    this.#folder = join(root, `${name}-${endpoint}`)
    this.#endpoint = endpoint
  }

  async open(): Promise<void> {
    this.#apiDomain = await this.sandbox.listen()
  }

  /** `line`: the way on which it reaches WeChat. */
  async start(line?: SlowLine): Promise<Child<WechatCommands>> {
    const apiDomain = line?.url ?? this.#apiDomain
    const settings = { folder: this.#folder, apiDomain, endpoint: this.#endpoint, ...identity }
    const env = line === undefined ? {} : { NODE_EXTRA_CA_CERTS: line.caFile }
    const program = await Child.start<WechatCommands>('child-wechat', settings, { env })
    this.#programs.push(program)
    return program
  }

  get fetches(): number {
    return this.sandbox.requests.count(`/cgi-bin/${this.#endpoint}`)
  }

  /** The token that WeChat gave last. */
  get newest(): string | undefined {
    return this.sandbox.tokens.current(appID, this.#endpoint)?.access_token
  }

  /** Whether each program gives WeChat's newest token. */
  async isOfOneMind(): Promise<boolean> {
    const given = await Promise.all(this.#programs.map((program) => program.ask('get', 1)))
    return given.every(([held]) => held !== undefined && held.value === this.newest)
  }

  /** The token in the folder. */
  async stored(): Promise<unknown> {
    return JSON.parse(String(await fileStore(this.#folder).account(appID).read('access_token'))).access_token
  }

  /** WeChat's newest token is in the folder and in every program, and outlives the change-over from any other. */
  async expectRightInTheEnd(expect: ExpectStatic): Promise<void> {
    // Those that have another one are told within a second; one whose refresh failed tries again.
    await expect.poll(() => this.isOfOneMind(), { timeout: 20_000 }).toBe(true)
    const { fetches, newest } = this
    expect(await this.stored()).toBe(newest)
    this.sandbox.clock.advance(301)
    expect(this.newest).toBe(newest)
    expect(await this.isOfOneMind()).toBe(true)
    expect(await (await this.start()).ask('get', 1)).toMatchObject([{ value: newest, from: 'store' }])
    expect(this.fetches).toBe(fetches)
    await this.sandbox.close()
  }
}

// At once: each waits for a lease to run out.
describe.concurrent.each(endpoints)('the holder of the lock is frozen past its lease, %s (P1)', (endpoint) => {
  /**
   * WeChat has given a token and not answered yet, and the holder knows that its request has left. Frozen before it knows, it could
   * not tell which token is newer, and one more fetch would have to make up for it.
   */
  async function untilAsked(company: Company, holder: Child<WechatCommands>, expect: ExpectStatic): Promise<void> {
    await expect.poll(() => company.newest, { interval: 5 }).toBeDefined()
    await holder.ask('turn')
  }

  /** Another program has refreshed by the end of this: it waited for the lease. */
  async function refreshMeanwhile(company: Company): Promise<void> {
    const other = await company.start()
    await other.ask('get', 10)
  }

  it('while WeChat does not answer: two upstream calls, and the newest token for all', async ({ expect }) => {
    const company = new Company('unanswered', endpoint)
    await company.open()
    company.sandbox.faults.add({ kind: 'slow', path: `/cgi-bin/${endpoint}`, times: 1, ms: 600_000 })
    const holder = await company.start()
    const asked = holder.ask('get', 10).catch(() => undefined)
    await untilAsked(company, holder, expect)
    holder.signal('SIGSTOP')
    await refreshMeanwhile(company)
    holder.signal('SIGCONT')
    await asked
    await company.expectRightInTheEnd(expect)
    expect(company.fetches).toBe(2)
  })

  it('while the answer comes: two upstream calls, and the newest token for all', async ({ expect }) => {
    const company = new Company('answered', endpoint)
    await company.open()
    company.sandbox.faults.add({ kind: 'slow', path: `/cgi-bin/${endpoint}`, times: 1, ms: 1000 })
    const holder = await company.start()
    const asked = holder.ask('get', 10).catch(() => undefined)
    await untilAsked(company, holder, expect)
    holder.signal('SIGSTOP')
    await refreshMeanwhile(company)
    holder.signal('SIGCONT')
    await asked
    await company.expectRightInTheEnd(expect)
    expect(company.fetches).toBe(2)
  })

  it('as its request leaves, unanswered: one more upstream call where nobody knows which token lives', async ({
    expect,
  }) => {
    const company = new Company('leaves', endpoint)
    await company.open()
    company.sandbox.faults.add({ kind: 'slow', path: `/cgi-bin/${endpoint}`, times: 1, ms: 600_000 })
    const holder = await company.start()
    await holder.ask('freezeAsItLeaves')
    const asked = holder.ask('get', 10).catch(() => undefined)
    await expect.poll(() => company.newest, { interval: 5 }).toBeDefined()
    await refreshMeanwhile(company)
    holder.signal('SIGCONT')
    await asked
    // stable_token gives the same token to all.
    const fetches = endpoint === 'token' ? 3 : 2
    await expect.poll(() => company.fetches).toBe(fetches)
    await company.expectRightInTheEnd(expect)
    expect(company.fetches).toBe(fetches)
  })

  it('while its connection is made: it does not ask when it goes on, and takes what another one has fetched', async ({
    expect,
  }) => {
    const company = new Company('leaving', endpoint)
    await company.open()
    const line = await SlowLine.to(company.sandbox)
    const holder = await company.start(line)
    const asked = holder.ask('get', 10).catch(() => undefined)
    await expect.poll(() => line.waiting, { interval: 5 }).toBeGreaterThan(0)
    holder.signal('SIGSTOP')
    await refreshMeanwhile(company)
    line.let()
    holder.signal('SIGCONT')
    await asked
    await company.expectRightInTheEnd(expect)
    expect(company.fetches).toBe(1)
    line.close()
  })

  it('before it asks WeChat: it does not ask when it goes on, and takes what another one has fetched', async ({
    expect,
  }) => {
    const company = new Company('unasked', endpoint)
    await company.open()
    const holder = await company.start()
    await holder.ask('stopBeforeFetch')
    const stopped = holder.news('about to fetch')
    const asked = holder.ask('get', 10).catch(() => undefined)
    await stopped
    holder.signal('SIGSTOP')
    await refreshMeanwhile(company)
    expect(company.fetches).toBe(1)
    holder.signal('SIGCONT')
    await holder.ask('goOn')
    await asked
    await company.expectRightInTheEnd(expect)
    expect(company.fetches).toBe(1)
  })
})
