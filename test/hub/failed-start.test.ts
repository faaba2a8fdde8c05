import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { listen } from '../../src/http/server.js'
import { createHub } from '../../src/hub.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

/** Knows what still waits for it. */
class WaitedForClock extends MovableClock {
  readonly waiting = new Set<() => void>()

  override after(ms: number, work: () => void): () => void {
    const done = () => {
      this.waiting.delete(done)
      work()
    }
    this.waiting.add(done)
    const callOff = super.after(ms, done)
    return () => {
      this.waiting.delete(done)
      callOff()
    }
  }
}

let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

afterEach(() => removeFolder(folder))

async function freePort(): Promise<number> {
  const server = await listen((_request, response) => response.end(), { port: 0, host: '127.0.0.1' })
  await server.drain()
  return server.port
}

it('a hub that cannot read its clients, which it opens last, gives back all that it had opened', async () => {
  const loaded = loadConfig({ cwd: folder, env: { WECHAT_HUB_DATA: folder } })
  const config = { ...loaded, sandbox: { port: await freePort() } }
  const clock = new WaitedForClock()
  const start = () => createHub(config, { clock, logDestination: { write: () => undefined } })
  const clients = join(folder, 'clients.json')
  await writeFile(clients, 'no JSON')
  await expect(start()).rejects.toMatchObject({ name: 'StoredClientsError', where: clients })
  expect(clock.waiting.size).toBe(0)
  await rm(clients)
  const hub = await start()
  expect(hub.sandboxUrl).toBe(`http://127.0.0.1:${config.sandbox.port}/`)
  expect(clock.waiting.size).toBeGreaterThan(0)
  await hub.close()
})
