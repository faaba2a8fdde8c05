import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import type { Clock } from '../../src/wechat/clock.js'
import { AppProcess } from '../support/app-process.js'
import { BackEndServer } from '../support/back-end.js'
import { Child } from '../support/child.js'
import type { HubCommands, HubSettings } from '../support/child-hub.js'
import { MovableClock } from '../support/movable-clock.js'
import { hubKey, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'
import { jsonRoute, manyTurns, observer, Scene } from './with-hub.js'

/** Knows which timers would keep a process alive. */
class KeepingClock extends MovableClock {
  readonly keeping = new Set<object>()

  override after(ms: number, work: () => void, options?: Parameters<Clock['after']>[2]): () => void {
    const timer = {}
    if (options?.background !== true) this.keeping.add(timer)
    const callOff = super.after(ms, () => {
      this.keeping.delete(timer)
      work()
    })
    return () => {
      this.keeping.delete(timer)
      callOff()
    }
  }
}

describe('a hub that has been closed', () => {
  it('waits for nothing any more: no back end, observer, retry or late reply', async () => {
    const clock = new KeepingClock()
    const scene = new Scene(clock)
    const [hanging, slow] = [await scene.backEnd(() => undefined), await scene.backEnd(scene.slow(6_000, 'kept'))]
    const running = await scene.start([
      observer(hanging.url),
      observer(await scene.down()),
      jsonRoute(slow.url, { match: { Content: 'retry' }, late: 'retry' }),
      jsonRoute(hanging.url, { match: { Content: 'hang' } }),
    ])
    const retried = running.sandbox.preparePush({ message: { Content: 'retry' } }).deliver()
    const hung = running.sandbox.preparePush({ message: { Content: 'hang' } }).deliver()
    await Promise.all([slow.askedTimes(1), hanging.askedTimes(3)])
    await clock.advance(4_100)
    expect(await hung).toMatchObject({ result: 'silent' })
    await clock.advance(900)
    expect(await retried).toMatchObject({ deliveries: [{ outcome: 'cut' }] })
    await clock.advance(1_000)
    await manyTurns()
    expect(clock.keeping.size).toBeGreaterThan(0)
    await scene.stop(0)
    expect(clock.keeping.size).toBe(0)
    // Nor is anything done that is told only when it fails.
    const lines = running.logLines.length
    await clock.advance(600_000)
    await manyTurns()
    expect(running.logLines.slice(lines)).toEqual([])
    await scene.close()
  })
})

describe('a late reply that is being sent when the hub ends', () => {
  it('is not sent again by the next one', async () => {
    const dataDir = temporaryFolder()
    const scene = new Scene()
    const bot = await scene.backEnd(scene.slow(6_000, 'late'))
    await scene.start([jsonRoute(bot.url)], { dataDir })
    const push = scene.push()
    await bot.askedTimes(1)
    await scene.clock.advance(4_100)
    await push.report
    // In real time: WeChat has sent it, and answers a little later.
    scene.sandbox.faults.add({ kind: 'slow', ms: 200, path: '/cgi-bin/message/custom/send' })
    await scene.clock.advance(1_900)
    await scene.toldTimes(1)
    await scene.stop(0)
    await scene.start([jsonRoute(bot.url)], { dataDir })
    expect(await scene.metric('wechat_hub_outbox_depth{account="shop"}')).toBe(0)
    expect(await scene.allTold()).toEqual([])
    await scene.close()
    removeFolder(dataDir)
  })
})

describe('a process', () => {
  const folders: string[] = []
  let sandbox: Sandbox
  let bot: BackEndServer
  let env: Record<string, string>

  beforeEach(async () => {
    sandbox = new Sandbox({ accounts: [shop] })
    bot = await BackEndServer.start(() => 'hi')
    env = {
      WECHAT_APPID: shop.appID,
      WECHAT_APPSECRET: shop.appSecret,
      WECHAT_TOKEN: shop.token,
      WECHAT_API_DOMAIN: await sandbox.listen(),
      WECHAT_HUB_KEY: hubKey,
    }
  })

  afterEach(async () => {
    await Child.killAll()
    await Promise.all([sandbox.close(), bot.close()])
    for (const folder of folders.splice(0)) removeFolder(folder)
  })

  async function configure(folder: string, routes: readonly object[]): Promise<void> {
    await mkdir(join(folder, 'config'), { recursive: true })
    await writeFile(join(folder, 'config', 'local.json'), JSON.stringify({ accounts: { default: { routes } } }))
  }

  it('is kept alive by no socket or timer when its hub has been closed', async () => {
    const folder = temporaryFolder()
    folders.push(folder)
    const hanging = await BackEndServer.start(() => undefined)
    await configure(folder, [
      { to: bot.url, format: 'json', secret: 'x'.repeat(16) },
      { to: hanging.url, format: 'json', secret: 'x'.repeat(16), observe: true },
    ])
    const settings: HubSettings = { folder, env: { ...env, WECHAT_HUB_DATA: join(folder, 'data') }, wall: Date.now() }
    const child = await Child.start<HubCommands>('child-hub', settings)
    const url = `http://127.0.0.1:${await child.ask('port')}/wx`
    expect((await sandbox.push({ url })).reply).toMatchObject({ Content: 'hi' })
    await hanging.askedTimes(1)
    await sandbox.pushes.close()
    expect(await bot.connections()).toBe(1)
    expect(await child.ask('close')).toEqual([])
    await until(async () => (await bot.connections()) + (await hanging.connections()) === 0)
    await hanging.close()
  })

  it('that gets SIGTERM answers the push that is at work, and exits 0', async () => {
    const app = await AppProcess.inEmptyFolder()
    await configure(app.folder, [{ to: bot.url, format: 'json', secret: 'x'.repeat(16) }])
    let answer: (text: string) => void = () => undefined
    bot.answer = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const url = `${await app.listening(env)}/wx`
    const report = sandbox.push({ url })
    await bot.askedTimes(1)
    app.signal('SIGTERM')
    await until(() => app.logText.includes('finishing what is in flight'))
    answer('just in time')
    expect((await report).reply).toMatchObject({ Content: 'just in time' })
    expect(await app.ended()).toBe(0)
    await app.remove()
  })
})
