import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { config, JssdkScene, signedUrls } from '../clients/jssdk-scene.js'

const www = 'http://www.example.test'

let scene: JssdkScene
let jweixin: string

beforeAll(async () => {
  scene = await JssdkScene.start()
  // WeChat's own script, as npm has it: a CommonJS module.
  const source = await readFile(createRequire(import.meta.url).resolve('weixin-js-sdk'), 'utf8')
  jweixin = `(function (module) { ${source}\n window.wx = module.exports })({})`
})

afterEach(async () => {
  await scene.closePages()
  scene.allow(['www.example.test'])
})

afterAll(() => scene.close())

/** A page with WeChat's own script, and what WeChat's client offers to it: the sandbox checks what it is given. */
async function open(url: string, goesBy: 'landing' | 'present'): Promise<Page> {
  const page = await scene.open(url, { jweixin: '' })
  await page.evaluate(`(function (landing) {
    window.WeixinJSBridge = {
      on: function () {},
      invoke: function (name, given, answer) {
        if (name !== 'preVerifyJSAPI') return
        var request = new XMLHttpRequest()
        request.open('POST', '${scene.running.apiDomain}sandbox/js-config')
        request.onload = function () {
          answer({ err_msg: JSON.parse(request.responseText).errMsg.replace('config', name) })
        }
        request.send(JSON.stringify({
          appId: given.verifyAppId,
          timestamp: given.verifyTimestamp,
          nonceStr: given.verifyNonceStr,
          signature: given.verifySignature,
          url: ${goesBy === 'landing'} ? landing : location.href.split('#')[0]
        }))
      }
    }
  })(location.href.split('#')[0])`)
  await page.addScriptTag({ content: jweixin })
  return page
}

describe('the browser helper with WeChat’s own script', () => {
  it('becomes ready, and is signed again when the route changes', async () => {
    const page = await open(`${www}/a`, 'present')
    const urls = signedUrls(page)
    expect(await config(page)).toBe('ready')
    await page.evaluate("history.pushState(null, '', '/one')")
    await page.waitForFunction('resigned.length === 1')
    scene.allow([])
    await page.evaluate("history.pushState(null, '', '/two')")
    await page.waitForFunction('resigned.length === 2')
    expect(await page.evaluate('resigned')).toEqual(['ready', 'config:invalid url domain'])
    expect(urls).toEqual([`${www}/a`, `${www}/one`, `${www}/two`])
  })

  it('tells of a refusal, though wx.ready is called then too', async () => {
    scene.allow([])
    const page = await open(`${www}/a`, 'present')
    expect(await config(page)).toMatchObject({ code: 'config', errMsg: 'config:invalid url domain' })
  })

  it('tries the URL at which the page was entered when the present one is refused', async () => {
    const page = await open(`${www}/a`, 'landing')
    await page.evaluate("history.pushState(null, '', '/one')")
    const urls = signedUrls(page)
    expect(await config(page)).toBe('ready')
    expect(urls).toEqual([`${www}/one`, `${www}/a`])
  })
})
