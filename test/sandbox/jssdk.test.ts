import { createServer } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { jssdkSignature } from '../../src/wechat/signature.js'
import { AppProcess } from '../support/app-process.js'
import { launchChromium } from '../support/chromium.js'

const account = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }
const page = 'https://www.example.com/a?b'

let undo: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const step of undo.reverse()) await step()
  undo = []
})

async function start(jsDomains: readonly string[]): Promise<{ sandbox: Sandbox; url: string; ticket: string }> {
  const sandbox = new Sandbox({ accounts: [{ ...account, jsDomains }] })
  const url = await sandbox.listen()
  undo.push(() => sandbox.close())
  return { sandbox, url, ticket: sandbox.tickets.get(account.appID, 'jsapi').ticket }
}

function given(ticket: string, url = page, appId = account.appID) {
  return { appId, timestamp: '1414587457', nonceStr: 'n', signature: jssdkSignature(ticket, 'n', 1414587457, url), url }
}

async function verdict(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}sandbox/js-config`, { method: 'POST', body: JSON.stringify(body) })
  expect(response.headers.get('access-control-allow-origin')).toBe(response.status === 200 ? '*' : null)
  return response.status === 200 ? ((await response.json()) as { errMsg: string }).errMsg : response.status
}

describe('wx.config at the sandbox', () => {
  it('is ok with the signature of the page and the living ticket of the account', async () => {
    const { url, ticket } = await start(['www.example.com'])
    expect(await verdict(url, given(ticket))).toBe('config:ok')
    expect(await verdict(url, { ...given(ticket), timestamp: 1414587457 })).toBe('config:ok')
    for (const wrong of [
      given('another ticket'),
      { ...given(ticket), url: 'https://www.example.com/a?b&c' },
      { ...given(ticket), nonceStr: 'm' },
      { ...given(ticket), timestamp: '1414587458' },
      { ...given(ticket), signature: '' },
    ]) {
      expect(await verdict(url, wrong)).toBe('config:invalid signature')
    }
  })

  it('takes a ticket as long as it lives', async () => {
    const { url, ticket, sandbox } = await start(['www.example.com'])
    sandbox.clock.advance(7000)
    const next = sandbox.tickets.get(account.appID, 'jsapi').ticket
    expect(next).not.toBe(ticket)
    expect(await verdict(url, given(ticket))).toBe('config:ok')
    expect(await verdict(url, given(next))).toBe('config:ok')
    sandbox.clock.advance(200)
    expect(await verdict(url, given(ticket))).toBe('config:invalid signature')
    expect(await verdict(url, given(next))).toBe('config:ok')
  })

  it('takes no ticket of cards', async () => {
    const { url, sandbox } = await start(['www.example.com'])
    expect(await verdict(url, given(sandbox.tickets.get(account.appID, 'wx_card').ticket))).toBe(
      'config:invalid signature',
    )
  })

  it('goes by the domains of the account, the hosts below them included', async () => {
    const { url, ticket } = await start(['www.example.com', 'localhost:*'])
    const of = (address: string) => verdict(url, given(ticket, address))
    for (const right of [
      'http://m.www.example.com/',
      'https://www.example.com:443/',
      'http://localhost:3001/',
      'http://localhost/',
    ]) {
      expect([right, await of(right)]).toEqual([right, 'config:ok'])
    }
    const wrong = ['https://example.com/', 'https://evil-www.example.com/', 'https://www.example.com.evil.com/']
    for (const strange of [...wrong, 'https://www.example.com:8443/', 'file://www.example.com/', 'no URL']) {
      expect([strange, await of(strange)]).toEqual([strange, 'config:invalid url domain'])
    }
    expect(await verdict(url, given(ticket, page, 'wx0000000000000000'))).toBe('config:invalid url domain')
    expect(await verdict((await start([])).url, given(ticket))).toBe('config:invalid url domain')
  })

  it('refuses what is no call of wx.config', async () => {
    const { url, ticket } = await start(['www.example.com'])
    expect(await verdict(url, { ...given(ticket), url: undefined })).toBe(400)
    expect(await verdict(url, { ...given(ticket), more: 1 })).toBe(400)
  })

  it('has domains that the control route sets and refuses', async () => {
    const { url, ticket } = await start([])
    const set = (jsDomains: unknown) =>
      fetch(`${url}sandbox/accounts`, { method: 'POST', body: JSON.stringify({ ...account, jsDomains }) })
    expect((await set(['www.example.com'])).status).toBe(200)
    expect(await verdict(url, given(ticket))).toBe('config:ok')
    for (const wrong of ['https://www.example.com', 'www.example.com:80', '*', 'WWW.example.com']) {
      const refused = await set([wrong])
      expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('jsDomains.0')])
    }
  })
})

describe('the page of the sandbox', () => {
  it('runs a hub of this machine only', async () => {
    const { url, sandbox } = await start([])
    const get = async (query: string) => fetch(`${url}sandbox/page${query}`)
    expect((await get('')).status).toBe(400)
    expect((await get('?hub=https://evil.com')).status).toBe(400)
    expect((await get('?hub=http://localhost:3000&appid=wx1')).status).toBe(400)
    const injected = await (
      await get(`?hub=${encodeURIComponent('http://localhost:3000/"><script>alert(1)</script>')}`)
    ).text()
    expect(injected).toContain('<script src="http://localhost:3000/v1/jssdk.js"')
    expect(injected).not.toContain('alert')
    sandbox.accounts.add({ ...account, callbackUrl: 'http://127.0.0.1:3000/wx' })
    const page_ = await get('')
    expect(page_.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page_.text()).toContain('<script src="http://127.0.0.1:3000/v1/jssdk.js"')
  })

  it('works in a browser with the hub as it first starts', async () => {
    const app = await AppProcess.inEmptyFolder()
    undo.push(() => app.remove())
    const [port, sandboxPort] = [await freePort(), await freePort()]
    await app.listening({ PORT: String(port), WECHAT_SANDBOX_PORT: String(sandboxPort) })
    expect(app.stderr).toContain(`page     http://127.0.0.1:${sandboxPort}/sandbox/page`)
    const browser: Browser = await launchChromium({})
    undo.push(() => browser.close())
    for (const host of ['localhost', '127.0.0.1']) {
      const tab = await browser.newPage()
      const errors: string[] = []
      tab.on('pageerror', (error) => errors.push(error.message))
      await tab.goto(`http://${host}:${sandboxPort}/sandbox/page`)
      const outcome = tab.locator('#outcome')
      const shows = (className: string, text: string) =>
        tab.locator(`#outcome.${className}`, { hasText: text }).waitFor({ state: 'visible' })
      await shows('ready', 'config:ok')
      expect(await outcome.textContent()).toContain('签名有效')
      await tab.locator('#route').click()
      await tab.locator('#log li', { hasText: '?route=1 · config:ok' }).waitFor()
      await tab.locator('#forge').click()
      await shows('failed', 'config:invalid signature')
      expect(errors).toEqual([])
    }
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
