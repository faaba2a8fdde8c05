import { readFile } from 'node:fs/promises'
import { parse } from 'acorn'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readJson } from '../support/running-hub.js'
import { config, iphone, JssdkScene, signedUrls, told } from './jssdk-scene.js'

const www = 'http://www.example.test'

let scene: JssdkScene

beforeAll(async () => {
  scene = await JssdkScene.start()
})

afterEach(async () => {
  await scene.closePages()
  scene.allow(['www.example.test'])
})

afterAll(() => scene.close())

describe('the scripts for browsers', () => {
  it.each(['src/clients/jssdk/wechat-hub.js', 'src/sandbox/jssdk/jweixin-stand-in.js'])(
    '%s is ES5, for old WebViews',
    async (file) => {
      const source = await readFile(file, 'utf8')
      expect(() => parse(source, { ecmaVersion: 5 })).not.toThrow()
      expect(() => parse(`${source}\nvar f = () => 1`, { ecmaVersion: 5 })).toThrow()
    },
  )
})

describe('a page on the account’s domain', () => {
  it.each([
    `${www}/`,
    `${www}/a/b%20c?from=singlemessage&x=%E4%BD%A0%E5%A5%BD+1`,
    `${www}/你好?q=a\\b'"<>&t=中#/route?x=1`,
    'http://m.www.example.test/?isappinstalled=0',
  ])('becomes ready: %s', async (url) => {
    const page = await scene.open(url)
    const urls = signedUrls(page)
    expect(await config(page)).toBe('ready')
    expect(urls).toEqual([await page.evaluate("location.href.split('#')[0]")])
    expect(await page.evaluate('wechatHub.ready().then(function () { return "ready" })')).toBe('ready')
  })

  it('can name the account by its appID and the hub by its URL', async () => {
    const page = await scene.open(`${www}/`)
    const { hub } = scene.running
    const account = hub.accounts.find('shop')?.appID
    expect(await config(page, { account, hub: `${scene.running.url}/` })).toBe('ready')
  })

  it('gives WeChat what the page asked for', async () => {
    const page = await scene.open(`${www}/`)
    await page.evaluate('(function (given) { wx.config = function (x) { window.given = x; given(x) } })(wx.config)')
    expect(await config(page, { jsApiList: ['scanQRCode'], openTagList: ['wx-open-launch-weapp'], debug: true })).toBe(
      'ready',
    )
    expect(await page.evaluate('given')).toMatchObject({
      ...{ debug: true, jsApiList: ['scanQRCode'], openTagList: ['wx-open-launch-weapp'] },
      ...{ appId: scene.running.hub.accounts.find('shop')?.appID, timestamp: expect.any(Number) },
    })
  })
})

describe('a page that WeChat refuses', () => {
  it('is told that its domain is not the account’s', async () => {
    scene.allow(['other.example.test'])
    const page = await scene.open(`${www}/`)
    expect(await config(page)).toMatchObject({
      code: 'config',
      errMsg: 'config:invalid url domain',
      hint: expect.stringContaining('JS接口安全域名'),
      message: expect.stringMatching(/^config:invalid url domain: the host of this page/),
    })
  })

  it('is told that its signature is wrong', async () => {
    const page = await scene.open(`${www}/`)
    await page.route('**/v1/shop/jssdk*', async (route) => {
      // Playwright's own fetch does not know the hosts of the tests.
      const { pathname, search } = new URL(route.request().url())
      const right = await readJson<object>(await scene.running.request(`${pathname}${search}`))
      const headers = { 'access-control-allow-origin': www }
      await route.fulfill({ headers, json: { ...right, signature: '0'.repeat(40) } })
    })
    expect(await config(page)).toMatchObject({
      code: 'config',
      errMsg: 'config:invalid signature',
      hint: expect.stringContaining('another URL'),
    })
    expect(await page.evaluate(`wechatHub.ready().then(null, ${told})`)).toMatchObject({ code: 'config' })
  })

  it.each([
    ['config:the permission value is offline verifying', 'jsApiList'],
    ['config:permission denied', '接口权限'],
    ['config:function not exist', 'version'],
    ['config:require subscribe', '测试号'],
    ['config:invalid appid', 'appID'],
    ['config:fail', 'network'],
  ])('is told what %s usually means', async (errMsg, hint) => {
    const page = await scene.open(`${www}/`)
    await page.evaluate(
      `wx = { config: function () {}, ready: function () {}, error: function (f) { f({ errMsg: '${errMsg}' }) } }`,
    )
    expect(await config(page)).toMatchObject({ code: 'config', errMsg, hint: expect.stringContaining(hint) })
  })
})

describe('a page that the hub refuses', () => {
  it('on a strange domain cannot read why, and is told what that can mean', async () => {
    const page = await scene.open('http://evil.example.test/')
    expect(await config(page)).toMatchObject({ code: 'network', hint: expect.stringContaining('jsDomains') })
    expect(
      await page.evaluate(
        `fetch('http://hub.example.test/v1/shop/jssdk?url=${www}/').then(function () { return 'read' }, function () { return 'forbidden' })`,
      ),
    ).toBe('forbidden')
  })

  it('is told the hub’s hint', async () => {
    const page = await scene.open(`${www}/?${'a'.repeat(2048)}`)
    expect(await config(page)).toMatchObject({
      code: 'refused',
      errMsg: 'this page gets no signature',
      hint: expect.stringContaining('location.href'),
    })
  })

  it('is told that the hub is not there', async () => {
    const page = await scene.open(`${www}/`)
    expect(await config(page, { hub: 'http://nowhere.example.test' })).toMatchObject({ code: 'network' })
    await page.route('**/v1/shop/jssdk*', (route) =>
      route.fulfill({ body: '<html>', headers: { 'access-control-allow-origin': '*' } }),
    )
    expect(await config(page)).toMatchObject({ code: 'network', errMsg: 'the hub did not answer JSON' })
  })
})

describe('a page without WeChat', () => {
  it('is told that its script is missing', async () => {
    const page = await scene.open(`${www}/`, { jweixin: '' })
    expect(await config(page)).toMatchObject({ code: 'wx-missing', hint: expect.stringContaining('jweixin') })
  })

  it('is told that WeChat does not answer', async () => {
    const page = await scene.open(`${www}/`)
    await page.clock.install()
    await page.evaluate(
      'wx = { config: function () { window.asked = true }, ready: function () {}, error: function () {} }',
    )
    const outcome = config(page)
    await page.waitForFunction('window.asked')
    await page.clock.fastForward(10_000)
    expect(await outcome).toMatchObject({ code: 'timeout', hint: expect.stringContaining('open the page in WeChat') })
  })

  it('is told what it forgot', async () => {
    const page = await scene.open(`${www}/`)
    expect(await config(page, { account: '' })).toMatchObject({ code: 'options', errMsg: 'account is missing' })
    for (const name of ['resign', 'ready']) {
      expect(await page.evaluate(`wechatHub.${name}().then(null, ${told})`)).toMatchObject({ code: 'options' })
    }
  })
})

describe('a single-page app', () => {
  it('is signed again when its route changes, and not for what follows the #', async () => {
    const page = await scene.open(`${www}/`)
    const urls = signedUrls(page)
    expect(await config(page)).toBe('ready')
    await page.evaluate("location.hash = '#/a'; history.pushState(null, '', '#/b')")
    await page.evaluate("history.pushState(null, '', '/one'); history.replaceState(null, '', '/two?x#y')")
    await page.waitForFunction('resigned.length === 1')
    await page.evaluate('history.back()')
    await page.waitForFunction('resigned.length === 2')
    expect(urls).toEqual([`${www}/`, `${www}/two?x`, `${www}/`])
    expect(await page.evaluate('resigned')).toEqual(['ready', 'ready'])
  })

  it('is told of a later refusal', async () => {
    const page = await scene.open(`${www}/`)
    expect(await config(page)).toBe('ready')
    scene.allow([])
    await page.evaluate("history.pushState(null, '', '/one')")
    await page.waitForFunction('resigned.length === 1')
    expect(await page.evaluate('resigned')).toEqual(['config:invalid url domain'])
    expect(await page.evaluate(`wechatHub.ready().then(null, ${told})`)).toMatchObject({ code: 'config' })
    scene.allow(['www.example.test'])
    expect(await page.evaluate('wechatHub.resign().then(function () { return "ready" })')).toBe('ready')
  })

  it('can sign again by itself instead', async () => {
    const page = await scene.open(`${www}/`)
    const urls = signedUrls(page)
    expect(await config(page, { autoResign: false })).toBe('ready')
    await page.evaluate("history.pushState(null, '', '/one')")
    expect(await page.evaluate('wechatHub.resign().then(function () { return "ready" })')).toBe('ready')
    expect(urls).toEqual([`${www}/`, `${www}/one`])
  })

  it('whose route changes while it is signed ends with the newest', async () => {
    const page = await scene.open(`${www}/`)
    const urls = signedUrls(page)
    const outcome = page.evaluate(
      `var first = wechatHub.config({ account: 'shop', jsApiList: [] }); history.replaceState(null, '', '/home');
       first.then(function () { return 'ready' })`,
    )
    expect(await outcome).toBe('ready')
    expect(urls).toEqual([`${www}/`, `${www}/home`])
  })
})

describe('on iOS, which goes by the URL at which the page was entered', () => {
  const enter = async (userAgent: string) => {
    const page = await scene.open(`${www}/entry`, { userAgent, jweixin: `${scene.standIn}?client=ios` })
    await page.evaluate("history.pushState(null, '', '/later')")
    return { page, urls: signedUrls(page) }
  }

  it('that one is signed, once', async () => {
    const { page, urls } = await enter(iphone)
    expect(await config(page)).toBe('ready')
    await page.evaluate("history.pushState(null, '', '/even-later')")
    expect(await page.evaluate('wechatHub.resign().then(function () { return "ready" })')).toBe('ready')
    expect(urls).toEqual([`${www}/entry`, `${www}/entry`])
  })

  it('it is tried when the present one is refused, and kept', async () => {
    const { page, urls } = await enter('a client that does not say that it is iOS')
    expect(await config(page)).toBe('ready')
    expect(await page.evaluate('wechatHub.resign().then(function () { return "ready" })')).toBe('ready')
    expect(urls).toEqual([`${www}/later`, `${www}/entry`, `${www}/entry`])
  })

  it('the present one can be signed all the same', async () => {
    const { page, urls } = await enter(iphone)
    expect(await config(page, { signAs: 'current' })).toMatchObject({ errMsg: 'config:invalid signature' })
    expect(await config(page, { signAs: 'landing' })).toBe('ready')
    expect(urls).toEqual([`${www}/later`, `${www}/entry`])
  })

  it('WeChat’s tools, which say that they are, go by the present one', async () => {
    const page = await scene.open(`${www}/entry`, { userAgent: `${iphone} wechatdevtools/1.06` })
    await page.evaluate("history.pushState(null, '', '/later')")
    const urls = signedUrls(page)
    expect(await config(page)).toBe('ready')
    expect(urls).toEqual([`${www}/later`])
  })
})
