import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchChromium } from '../support/chromium.js'
import { RunningHub, shop } from '../support/running-hub.js'

/** What a page's script gets of a refusal. */
export interface Failure {
  readonly code: string
  readonly errMsg: string
  readonly hint?: string
  readonly message: string
}

export interface PageOptions {
  /** Default an Android phone's. */
  readonly userAgent?: string
  /** The script in place of WeChat's. Default the sandbox's stand-in. */
  readonly jweixin?: string
}

const android =
  'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.50'
export const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile MicroMessenger/8.0.50'

/** A hub, its sandbox, a site with pages that load both their scripts, and a browser. */
export class JssdkScene {
  readonly running: RunningHub
  readonly browser: Browser
  readonly #site: Server
  #contexts: BrowserContext[] = []
  #jweixin = ''

  private constructor(running: RunningHub, browser: Browser, site: Server) {
    this.running = running
    this.browser = browser
    this.#site = site
  }

  static async start(): Promise<JssdkScene> {
    const running = await RunningHub.start({ shop: { jsDomains: ['www.example.test'] } })
    let scene: JssdkScene | undefined
    const site = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(scene?.html)
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    // It listens on a port, not on a Unix socket.
    const { port } = site.address() as AddressInfo
    const browser = await launchChromium({
      'www.example.test': port,
      'm.www.example.test': port,
      'evil.example.test': port,
      'hub.example.test': Number(new URL(running.url).port),
    })
    scene = new JssdkScene(running, browser, site)
    scene.allow(['www.example.test'])
    return scene
  }

  /** The page at every path. */
  get html(): string {
    const script = (src: string) => (src === '' ? '' : `<script src="${src}"></script>`)
    return `<!doctype html><title>page</title>${script(this.#jweixin)}${script('http://hub.example.test/v1/jssdk.js')}`
  }

  get standIn(): string {
    return `${this.running.apiDomain}sandbox/jweixin.js`
  }

  /** Sets JS接口安全域名 of the account at WeChat, which is the sandbox. */
  allow(jsDomains: readonly string[]): void {
    this.running.sandbox.accounts.add({ appID: shop.appID, appSecret: shop.appSecret, jsDomains })
  }

  async open(url: string, options: PageOptions = {}): Promise<Page> {
    this.#jweixin = options.jweixin ?? this.standIn
    const context = await this.browser.newContext({ userAgent: options.userAgent ?? android })
    this.#contexts.push(context)
    const page = await context.newPage()
    await page.goto(url)
    return page
  }

  async closePages(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()))
    this.#contexts = []
  }

  async close(): Promise<void> {
    await this.browser.close()
    this.#site.closeAllConnections()
    await new Promise((resolve) => this.#site.close(resolve))
    await this.running.close()
  }
}

/** Calls `wechatHub.config` in the page: `ready`, or why not. What `onResign` is told is kept in `window.resigned`. */
export function config(page: Page, options: Readonly<Record<string, unknown>> = {}): Promise<'ready' | Failure> {
  return page.evaluate(
    `(window.resigned = [], wechatHub.config(Object.assign({
      account: 'shop',
      jsApiList: ['updateAppMessageShareData'],
      onResign: function (error) { window.resigned.push(error ? error.errMsg : 'ready') }
    }, ${JSON.stringify(options)})).then(function () { return 'ready' }, ${told}))`,
  )
}

/** An error as the test reads it. */
export const told =
  '(function (error) { return { code: error.code, errMsg: error.errMsg, hint: error.hint, message: error.message } })'

/** The URLs that the page has had signed from now on. */
export function signedUrls(page: Page): string[] {
  const urls: string[] = []
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url())
    if (pathname.endsWith('/jssdk')) urls.push(searchParams.get('url') ?? '')
  })
  return urls
}
