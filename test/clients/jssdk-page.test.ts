import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, it } from 'vitest'
import { MovableClock, turn } from '../support/movable-clock.js'

interface Asked {
  readonly url: string
  readonly timeout: number
  status: number
  responseText: string
  onload(): void
  onerror(): void
  ontimeout(): void
}

interface WechatHub {
  config(options?: object): Promise<void>
  resign(): Promise<void>
  ready(): Promise<void>
}

interface WxConfig {
  readonly debug: boolean
  readonly jsApiList: readonly string[]
  readonly openTagList: readonly string[]
}

const source = readFileSync('src/clients/jssdk/wechat-hub.js', 'utf8')
const android = 'Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50'
const ipad = 'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) MicroMessenger/8.0.50'
const script = 'https://hub.example.com/base/v1/jssdk.js?v=1'
const www = 'https://www.example.com'
const signature = { appId: 'wx1', timestamp: 1, nonceStr: 'n', signature: 's' }

let clock: MovableClock
/** What waits for the test to answer it. */
let asked: Asked[]
let resigned: (string | undefined)[]

/** A page of which the test is the browser, the network and WeChat. */
class Page {
  readonly configs: WxConfig[] = []
  readonly location = { href: `${www}/entry` }
  readonly history: { pushState(...args: unknown[]): unknown; replaceState?: () => void }
  readonly popped: (() => void)[] = []
  ready: () => void = () => undefined
  error: (result?: { errMsg?: string }) => void = () => undefined
  readonly wx = {
    config: (options: WxConfig) => this.configs.push(options),
    ready: (callback: () => void) => {
      this.ready = callback
    },
    error: (callback: (result?: { errMsg?: string }) => void) => {
      this.error = callback
    },
  }
  readonly hub: WechatHub
  /** The script is loaded once more, and the `wechatHub` that there is then. */
  readonly loadAgain: () => WechatHub | undefined

  constructor({ agent = android, currentScript = true, scripts = [script], wx = 'wx' } = {}) {
    const { location, popped } = this
    this.history = {
      pushState(state: unknown, title: unknown, url: unknown) {
        if (!this) throw new TypeError('Illegal invocation')
        location.href = `${www}${url}`
        return [state, title, url]
      },
    }
    const made: { wechatHub?: WechatHub } = {}
    const window = Object.assign(made, {
      ...(wx === '' ? {} : { [wx]: this.wx }),
      addEventListener: (name: string, listener: () => void) => name === 'popstate' && popped.push(listener),
    })
    class XMLHttpRequest implements Asked {
      url = ''
      timeout = 0
      status = 0
      responseText = ''
      onload = () => undefined
      onerror = () => undefined
      ontimeout = () => undefined
      open(_method: string, url: string): void {
        this.url = url
      }
      send(): void {
        asked.push(this)
      }
    }
    const document = {
      currentScript: currentScript ? { src: scripts.at(-1) } : null,
      getElementsByTagName: () => scripts.map((src) => ({ src })),
    }
    const setTimeout = (work: () => void, ms: number) => void clock.after(ms, work)
    const { history } = this
    const browser = { window, document, location, history, navigator: { userAgent: agent }, XMLHttpRequest, setTimeout }
    this.loadAgain = () => {
      runInNewContext(source, { ...browser, Promise, Error })
      return made.wechatHub
    }
    const hub = this.loadAgain()
    if (hub === undefined) throw new Error('the script made no wechatHub')
    this.hub = hub
  }

  config(options: object = {}): Promise<string> {
    const onResign = (error?: { errMsg: string }) => resigned.push(error?.errMsg)
    return outcome(this.hub.config({ account: 'shop', onResign, ...options }))
  }

  /** Signed once, and ready. */
  async configured(options: object = {}): Promise<this> {
    const done = this.config(options)
    await answer()
    this.ready()
    expect(await done).toBe('ready')
    return this
  }

  async push(url: string): Promise<void> {
    this.history.pushState(null, '', url)
    await clock.advance(1)
  }
}

beforeEach(() => {
  clock = new MovableClock()
  asked = []
  resigned = []
})

function outcome(promise: Promise<void>): Promise<string> {
  return promise.then(
    () => 'ready',
    (error: { code: string; errMsg: string }) => `${error.code}: ${error.errMsg}`,
  )
}

/** Answers the request that has waited longest, and tells which page it was about. */
async function answer(data: unknown = signature, status = 200): Promise<string> {
  const first = asked.shift()
  if (first === undefined) throw new Error('nothing was asked')
  first.status = status
  first.responseText = typeof data === 'string' ? data : JSON.stringify(data)
  first.onload()
  await turn()
  return new URL(first.url).searchParams.get('url') ?? ''
}

describe('the hub', () => {
  it.each([
    ['where the script came from', {}, {}, 'https://hub.example.com/base'],
    [
      'where its tag says',
      { currentScript: false, scripts: ['https://cdn/a.js', script, 'https://cdn/z.js'] },
      {},
      'https://hub.example.com/base',
    ],
    ['where the options say', {}, { hub: 'https://other.example.com//' }, 'https://other.example.com'],
    [
      'where the options say, though no tag is known',
      { currentScript: false, scripts: [] },
      { hub: 'https://h' },
      'https://h',
    ],
  ])('is %s', async (_where, page, options, base) => {
    await turn()
    void new Page(page).config({ account: 'a/b', ...options })
    expect(asked).toMatchObject([
      { url: `${base}/v1/a%2Fb/jssdk?url=${encodeURIComponent(`${www}/entry`)}`, timeout: 10_000 },
    ])
  })

  it('is missing where nothing tells it', async () => {
    expect(await new Page({ currentScript: false, scripts: [] }).config()).toBe('options: hub is missing')
  })

  it.each([
    ['{"errmsg":"no"}', 403, 'refused: no'],
    ['null', 502, 'refused: status 502'],
    ['{}', 429, 'refused: status 429'],
    ['<html>', 200, 'network: the hub did not answer JSON'],
    ['null', 200, 'network: the hub did not answer a signature'],
    ['"signed"', 200, 'network: the hub did not answer a signature'],
    ['{}', 200, 'network: the hub did not answer a signature'],
    [JSON.stringify({ ...signature, signature: undefined }), 200, 'network: the hub did not answer a signature'],
    [JSON.stringify({ ...signature, timestamp: '1' }), 200, 'network: the hub did not answer a signature'],
  ])('that answers %s with %s', async (text, status, told) => {
    const done = new Page().config()
    await answer(text, status)
    expect(await done).toBe(told)
  })

  it.each(['onerror', 'ontimeout'] as const)('that is out of reach: %s', async (event) => {
    const done = new Page().config()
    asked[0]?.[event]()
    expect(await done).toBe('network: the hub could not be asked at https://hub.example.com/base')
  })
})

describe('the options', () => {
  it.each([undefined, {}, { account: 5 }, { account: '' }])('%j lack an account', async (options) => {
    expect(await outcome(new Page().hub.config(options))).toBe('options: account is missing')
    expect(asked).toEqual([])
  })

  it('are given to WeChat as WeChat takes them', async () => {
    const page = await new Page().configured()
    expect(page.configs).toEqual([{ ...signature, debug: false, jsApiList: [], openTagList: [] }])
    expect((await new Page().configured({ debug: true })).configs).toMatchObject([{ debug: true }])
    const noisy = await new Page().configured({ debug: 'yes', jsApiList: ['a'], openTagList: ['b'] })
    expect(noisy.configs).toEqual([{ ...signature, debug: false, jsApiList: ['a'], openTagList: ['b'] }])
  })

  it.each(['wx', 'jWeixin'])('need not name WeChat’s script where it is window.%s', async (wx) => {
    await new Page({ wx }).configured()
  })

  it('may name WeChat’s script, as a bundle gives it', async () => {
    const page = new Page({ wx: '' })
    await page.configured({ wx: page.wx })
    expect(await new Page({ wx: '' }).config({ wx: { config: 'no function' } })).toBe('wx-missing: wx is not there')
  })
})

describe('WeChat', () => {
  it.each([
    ['config:Require Subscribe', 'follow'],
    ['config:function_not_exist', 'checkJsApi'],
    ['config:invalid app id', 'appID'],
    ['config:the permission value is Offline Verifying', '接口权限'],
  ])('says %s, in another spelling: the hint is the same', async (errMsg, hint) => {
    const page = new Page()
    const refused = page.hub.config({ account: 'shop' }).catch((error: unknown) => error)
    await answer()
    page.error({ errMsg })
    expect(await refused).toMatchObject({ name: 'WechatHubError', errMsg, hint: expect.stringContaining(hint) })
  })

  it('says something unheard of: it is told as it is', async () => {
    const page = new Page()
    const refused = page.hub.config({ account: 'shop' }).catch((error: unknown) => error)
    await answer()
    page.error({ errMsg: 'new: config:odd' })
    expect(await refused).toMatchObject({ message: 'new: config:odd', hint: undefined })
    const mute = new Page()
    const done = mute.config()
    await answer()
    mute.error(undefined)
    expect(await done).toBe('config: config:fail')
  })

  it('has 10 s to answer the first time', async () => {
    const page = new Page()
    let told = ''
    const done = page.config().then((text) => {
      told = text
    })
    await answer()
    await clock.advance(9990)
    expect(told).toBe('')
    await clock.advance(20)
    await done
    expect(told).toBe('timeout: WeChat does not answer')
  })

  it.each(['config', 'ready', 'error'] as const)(
    'whose wx.%s throws has refused, and is asked again later',
    async (name) => {
      const page = new Page()
      const { [name]: original } = page.wx
      page.wx[name] = () => {
        throw new Error('boom')
      }
      const refused = page.hub.config({ account: 'shop' }).catch((error: unknown) => error)
      await answer()
      expect(await refused).toMatchObject({ code: 'config', errMsg: `config:fail boom`, hint: expect.any(String) })
      Object.assign(page.wx, { [name]: original })
      await page.configured()
    },
  )

  it('that has answered once has taken a signature which it does not refuse within a second', async () => {
    const page = await new Page().configured()
    let told = ''
    const done = outcome(page.hub.resign()).then((text) => {
      told = text
    })
    await answer()
    await clock.advance(990)
    expect(told).toBe('')
    await clock.advance(20)
    await done
    expect(told).toBe('ready')
  })

  it('that has refused once is heard within that second too', async () => {
    const page = new Page()
    const first = page.config()
    await answer()
    page.error({ errMsg: 'config:invalid url domain' })
    expect(await first).toBe('config: config:invalid url domain')
    const second = outcome(page.hub.resign())
    await answer()
    await clock.advance(1010)
    expect(await second).toBe('ready')
  })

  it('that refuses later is told to onResign and to ready(), unless another URL was signed since', async () => {
    const page = await new Page().configured()
    const { error } = page
    error({ errMsg: 'config:invalid url domain' })
    await turn()
    expect(resigned).toEqual(['config:invalid url domain'])
    expect(await outcome(page.hub.ready())).toBe('config: config:invalid url domain')
    const again = outcome(page.hub.resign())
    await answer()
    error({ errMsg: 'config:permission denied' })
    await clock.advance(1010)
    expect([await again, resigned]).toEqual(['ready', ['config:invalid url domain']])
    expect(await outcome(page.hub.ready())).toBe('ready')
  })
})

describe('the URL', () => {
  it('is that of the entry on an iPad, and the present one elsewhere', async () => {
    for (const [agent, url] of [
      [ipad, '/entry'],
      [android, '/later'],
    ] as const) {
      const page = new Page({ agent })
      page.history.pushState(null, '', '/later#part')
      void page.config()
      expect(await answer()).toBe(`${www}${url}`)
    }
  })

  it.each([
    ['landing', android, '/entry'],
    ['current', ipad, '/later'],
  ])('is the one of signAs: %s, and no other is tried', async (signAs, agent, url) => {
    const page = new Page({ agent })
    page.history.pushState(null, '', '/later')
    const done = page.config({ signAs })
    expect(await answer()).toBe(`${www}${url}`)
    page.error({ errMsg: 'config:invalid signature' })
    expect([await done, asked]).toEqual(['config: config:invalid signature', []])
  })

  it('is the other one after an invalid signature, once, and only after that', async () => {
    const page = new Page()
    page.history.pushState(null, '', '/later')
    const done = page.config()
    expect(await answer()).toBe(`${www}/later`)
    page.error({ errMsg: 'config:invalid signature' })
    expect(await answer()).toBe(`${www}/entry`)
    page.error({ errMsg: 'config:invalid signature' })
    expect([await done, asked]).toEqual(['config: config:invalid signature', []])
    const entered = new Page()
    const once = entered.config()
    await answer()
    entered.error({ errMsg: 'config:invalid signature' })
    expect([await once, asked]).toEqual(['config: config:invalid signature', []])
    const denied = new Page()
    denied.history.pushState(null, '', '/later')
    const refused = denied.config()
    await answer()
    denied.error({ errMsg: 'config:permission denied' })
    expect([await refused, asked]).toEqual(['config: config:permission denied', []])
  })

  it('is not taken for ready while the other one is tried', async () => {
    const page = await new Page().configured()
    await page.push('/later')
    await answer()
    page.error({ errMsg: 'config:invalid signature' })
    await clock.advance(1010)
    expect(resigned).toEqual([])
    expect(await answer()).toBe(`${www}/entry`)
    page.error({ errMsg: 'config:permission denied' })
    await turn()
    expect(resigned).toEqual(['config:permission denied'])
  })

  it('that WeChat turned out to go by is kept, and not signed again for another route; config() forgets it', async () => {
    const page = new Page()
    page.history.pushState(null, '', '/later')
    const done = page.config()
    await answer()
    page.error({ errMsg: 'config:invalid signature' })
    await answer()
    await clock.advance(1010)
    expect(await done).toBe('ready')
    await page.push('/third')
    expect(asked).toEqual([])
    void page.config()
    expect(await answer()).toBe(`${www}/third`)
  })
})

describe('an invalid signature that is told after a second', () => {
  it('has the other URL tried too, which is kept, and onResign told', async () => {
    const page = await new Page({ agent: 'Macintosh MicroMessenger' }).configured()
    await page.push('/later')
    expect(await answer()).toBe(`${www}/later`)
    await clock.advance(1010)
    expect(resigned).toEqual([undefined])
    page.error({ errMsg: 'config:invalid signature' })
    const ready = outcome(page.hub.ready())
    expect(await answer()).toBe(`${www}/entry`)
    expect(resigned).toEqual([undefined])
    await clock.advance(1010)
    expect([await ready, resigned]).toEqual(['ready', [undefined, undefined]])
    await page.push('/third')
    expect(asked).toEqual([])
  })

  it('is told twice and has it tried once; what is refused in the end is told, and not learned from', async () => {
    const page = await new Page().configured()
    await page.push('/later')
    await answer()
    await clock.advance(1010)
    const { error } = page
    error({ errMsg: 'config:invalid signature' })
    error({ errMsg: 'config:invalid signature' })
    expect(asked).toHaveLength(1)
    expect(await answer()).toBe(`${www}/entry`)
    await clock.advance(1010)
    expect(resigned).toEqual([undefined, undefined])
    page.error({ errMsg: 'config:invalid signature' })
    page.error({ errMsg: 'config:invalid signature' })
    await turn()
    expect([resigned, asked]).toEqual([[undefined, undefined, 'config:invalid signature'], []])
    expect(await outcome(page.hub.ready())).toBe('config: config:invalid signature')
    await page.push('/third')
    expect(await answer()).toBe(`${www}/third`)
  })

  it('teaches nothing where the hub does not sign the other URL', async () => {
    const page = await new Page().configured()
    await page.push('/later')
    await answer()
    await clock.advance(1010)
    page.error({ errMsg: 'config:invalid signature' })
    expect(await answer('{"errmsg":"no"}', 403)).toBe(`${www}/entry`)
    expect([resigned, await outcome(page.hub.ready())]).toEqual([[undefined, 'no'], 'refused: no'])
    await page.push('/third')
    expect(await answer()).toBe(`${www}/third`)
  })

  it('of a URL that has been left has the present one signed', async () => {
    const page = await new Page().configured({ autoResign: false })
    await page.push('/later')
    page.error({ errMsg: 'config:invalid signature' })
    expect(await answer()).toBe(`${www}/later`)
    await clock.advance(1010)
    expect(resigned).toEqual([undefined])
  })
})

describe('a script that is loaded twice', () => {
  it('is the one that was there: the page was entered where it was, and is signed once', async () => {
    const page = await new Page({ agent: ipad }).configured()
    await page.push('/later')
    expect(page.loadAgain()).toBe(page.hub)
    void page.config()
    expect(await answer()).toBe(`${www}/entry`)
    const other = await new Page().configured()
    other.loadAgain()
    await other.push('/later')
    expect(asked).toHaveLength(1)
  })
})

describe('a route', () => {
  it('is pushed as the page pushed it', async () => {
    const page = await new Page().configured()
    expect(page.history.pushState('state', 'title', '/one')).toEqual(['state', 'title', '/one'])
    expect(page.history.replaceState).toBeUndefined()
  })

  it('is signed once, however often config() was called; several at once are one; the same URL is none', async () => {
    const page = await new Page().configured()
    void page.config()
    await answer()
    await clock.advance(1010)
    page.history.pushState(null, '', '/one')
    page.history.pushState(null, '', '/two')
    await clock.advance(1)
    expect(await answer()).toBe(`${www}/two`)
    await clock.advance(1010)
    expect(resigned).toEqual([undefined])
    await page.push('/two#part')
    expect([asked, page.popped.length]).toEqual([[], 1])
    page.location.href = `${www}/entry`
    page.popped[0]?.()
    await clock.advance(1)
    expect(await answer()).toBe(`${www}/entry`)
  })

  it('is signed for a page that wants to hear nothing of it', async () => {
    const page = new Page()
    const done = outcome(page.hub.config({ account: 'shop' }))
    await answer()
    page.ready()
    await done
    await page.push('/one')
    expect(await answer('{"errmsg":"no"}', 403)).toBe(`${www}/one`)
    expect(await outcome(page.hub.ready())).toBe('refused: no')
  })

  it('that changes while the hub or WeChat is asked ends what is under way with it', async () => {
    const page = await new Page().configured()
    const first = outcome(page.hub.resign())
    await page.push('/one')
    expect(await answer('{"errmsg":"too late to matter"}', 403)).toBe(`${www}/entry`)
    expect(await answer()).toBe(`${www}/one`)
    const refuse = page.error
    await page.push('/two')
    refuse({ errMsg: 'config:invalid signature' })
    expect(await answer()).toBe(`${www}/two`)
    await clock.advance(1010)
    expect([await first, resigned, asked]).toEqual(['ready', [undefined, undefined], []])
  })

  it('that has changed by the time the hub answers is signed instead: WeChat gets no signature of a URL that was left', async () => {
    const page = new Page()
    const done = page.config()
    page.history.pushState(null, '', '/one')
    expect(await answer()).toBe(`${www}/entry`)
    expect(page.configs).toEqual([])
    await clock.advance(1)
    expect(asked).toHaveLength(1)
    page.history.pushState(null, '', '/two')
    expect(await answer('{"errmsg":"too late to matter"}', 403)).toBe(`${www}/one`)
    expect(await answer()).toBe(`${www}/two`)
    page.ready()
    expect([await done, page.configs.length, asked]).toEqual(['ready', 1, []])
  })

  it('that has changed by the time WeChat refuses is signed, and no other URL is tried', async () => {
    const page = await new Page().configured()
    await page.push('/one')
    await answer()
    page.history.pushState(null, '', '/two')
    page.error({ errMsg: 'config:invalid signature' })
    await turn()
    expect(await answer()).toBe(`${www}/two`)
    await clock.advance(1010)
    expect([resigned.at(-1), await outcome(page.hub.ready()), asked]).toEqual([undefined, 'ready', []])
  })

  it('is given to WeChat when the one before has had its answer, or its time', async () => {
    const page = new Page()
    const done = page.config()
    await answer()
    await page.push('/one')
    await answer()
    expect(page.configs).toHaveLength(1)
    page.error({ errMsg: 'config:invalid signature' })
    await turn()
    expect([page.configs.length, asked]).toEqual([2, []])
    await page.push('/two')
    await answer()
    await clock.advance(900)
    expect(page.configs).toHaveLength(2)
    await page.push('/three')
    await answer()
    await clock.advance(110)
    // Whatever is outdated by then is left out.
    expect(page.configs).toHaveLength(3)
    await clock.advance(1010)
    expect([await done, resigned, asked]).toEqual(['ready', [undefined, undefined, undefined], []])
  })

  it('before config() changes nothing, nor one that the page signs by itself', async () => {
    const page = new Page()
    await page.push('/one')
    await page.configured({ autoResign: false })
    await page.push('/two')
    expect(asked).toEqual([])
    expect(await outcome(new Page().hub.resign())).toBe('options: config has not been called')
    expect(await outcome(new Page().hub.ready())).toBe('options: config has not been called')
  })
})
