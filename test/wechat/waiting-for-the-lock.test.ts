import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryStorage, type Storage } from '../../src/wechat/storage.js'
import { turn } from '../support/movable-clock.js'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

it('a refresh that waits for the lock fetches nothing when its program has taken meanwhile what another one stored', async () => {
  const storage = memoryStorage()
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const behindTheGate: Storage = {
    ...storage,
    async lock(_name, work) {
      await gate
      return work({ remaining: () => 6_000 })
    },
  }
  const waiting = scene.wechat({ storage: behindTheGate })
  const first = waiting.fetchAccessToken()
  while (!waiting.accessToken.state.refreshing) await turn()
  const token = await scene.wechat({ storage }).fetchAccessToken()
  const later = waiting.fetchAccessToken()
  for (let turns = 0; turns < 20; turns += 1) await turn()
  open()
  expect([await first, await later]).toEqual([token, token])
  expect(scene.fetches).toBe(1)
  expect(scene.happened('refreshed').map(({ from }) => from)).toEqual(['wechat', 'store'])
})
