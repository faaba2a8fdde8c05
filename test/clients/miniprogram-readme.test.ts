import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Hub, HubOptions } from '../../src/clients/miniprogram/wechat-hub.js'
import { shop } from '../support/running-hub.js'
import { MiniProgramScene } from './miniprogram-scene.js'

interface App {
  readonly hub: Hub
  onLaunch(): void
}

interface Page {
  onLoad(): void
  onShareInfo(event: { detail: { encryptedData: string; iv: string } }): void
  setData?(data: object): void
}

let scene: MiniProgramScene

beforeEach(async () => {
  scene = await MiniProgramScene.start()
})

afterEach(() => scene.close())

describe.each(['README.md', 'README.zh-CN.md'])('%s', (name) => {
  const blocks = [...readFileSync(name, 'utf8').matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '')

  /** The one example that calls this; its URLs lead to the scene's hub and back end. */
  function example(call: string): string {
    const found = blocks.filter((code) => code.includes(`\n${call}(`))
    expect(found).toHaveLength(1)
    const [code = ''] = found
    return code
      .replaceAll('https://hub.example.com', scene.running.url)
      .replaceAll('https://api.example.com', scene.backEnd)
      .replaceAll("'mini'", "'shop'")
  }

  function launched(): App {
    const apps: App[] = []
    const createHub = (options: HubOptions) => scene.client(scene.wx, options)
    const modules: Record<string, object> = { './utils/wechat-hub.js': { createHub } }
    runInNewContext(example('App'), { require: (path: string) => modules[path], App: (app: App) => apps.push(app) })
    const [app] = apps
    if (app === undefined) throw new Error('no App')
    return app
  }

  it('shows a mini program that logs in, asks its back end and has data deciphered', async () => {
    const app = launched()
    const pages: Page[] = []
    const shown: object[] = []
    app.onLaunch()
    const toasts: object[] = []
    const wx = { showToast: (toast: object) => toasts.push(toast) }
    runInNewContext(example('Page'), { getApp: () => app, Page: (page: Page) => pages.push(page), wx })
    const [page] = pages
    if (page === undefined) throw new Error('no Page')
    page.setData = (data) => shown.push(data)
    page.onLoad()
    await scene.wx.settled()
    page.onShareInfo({ detail: sealed({ openGId: 'tGroup' }) })
    await scene.wx.settled()
    expect(shown).toEqual([{ orders: expect.objectContaining({ openid: 'oMini' }) }, { group: 'tGroup' }])
    expect([scene.wx.logins, scene.errors, toasts]).toEqual([1, [], []])
    page.onShareInfo({ detail: { encryptedData: 'wrong', iv: 'wrong' } })
    await scene.wx.settled()
    expect(toasts).toEqual([{ title: expect.stringContaining('tampered'), icon: 'none' }])
    app.hub.stop()
  })
})

function sealed(data: object) {
  const iv = Buffer.alloc(16, 7)
  const key = Buffer.from(scene.codes.at(-1)?.session.session_key ?? '', 'base64')
  const cipher = createCipheriv('aes-128-cbc', key, iv)
  const text = JSON.stringify({ ...data, watermark: { appid: shop.appID, timestamp: 1_700_000_000 } })
  const encryptedData = Buffer.concat([cipher.update(text), cipher.final()]).toString('base64')
  return { encryptedData, iv: iv.toString('base64') }
}
