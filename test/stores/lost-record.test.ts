import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fileStore } from '../../src/stores/file.js'
import type { Storage } from '../../src/wechat/storage.js'
import { account, Scene } from '../support/scene.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

let scene: Scene
let folder: string

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(async () => {
  await scene.close()
  removeFolder(folder)
})

function sharedFolder() {
  folder = temporaryFolder()
  const program = () => scene.wechat({ storage: fileStore(folder).account(account.appID) })
  /** It looks into the folder once a minute only. */
  const unwatched = () => {
    const files = fileStore(folder).account(account.appID)
    const storage: Storage = { read: (name) => files.read(name), save: (name, record) => files.save(name, record) }
    return scene.wechat({ storage })
  }
  const file = join(folder, account.appID, 'access_token.json')
  const stored = async () => JSON.parse(await readFile(file, 'utf8'))
  return { program, file, stored, unwatched }
}

it('is put back at once when it is broken while a program runs, without a fetch', async () => {
  const { program, file, stored } = sharedFolder()
  const wechat = program()
  const token = await wechat.fetchAccessToken()
  await writeFile(file, '{"access_token":')
  await vi.waitFor(async () => expect(await stored()).toMatchObject({ access_token: token }), { timeout: 20_000 })
  expect(scene.happened('set-aside').length).toBeGreaterThan(0)
  expect(await program().fetchAccessToken()).toBe(token)
  expect(scene.fetches).toBe(1)
})

it('is put back at once when it is removed while a program runs, without a fetch', async () => {
  const { program, file, stored } = sharedFolder()
  const token = await program().fetchAccessToken()
  await rm(file)
  await vi.waitFor(async () => expect(await stored()).toMatchObject({ access_token: token }), { timeout: 20_000 })
  expect(await program().fetchAccessToken()).toBe(token)
  expect(scene.fetches).toBe(1)
})

it('leaves no old token in its place: the newer one of a program that counts versions from 1 again is taken', async () => {
  const { program, file, stored, unwatched } = sharedFolder()
  const old = unwatched()
  await old.fetchAccessToken()
  await scene.pass(100)
  await old.updateAccessToken()
  await rm(file)
  await scene.pass(10)
  const newest = await program().fetchAccessToken()
  expect(await stored()).toMatchObject({ access_token: newest, version: 1 })
  await scene.pass(100)
  await vi.waitFor(async () => expect(await old.fetchAccessToken()).toBe(newest), { timeout: 20_000 })
  await vi.waitFor(async () => expect(await stored()).toMatchObject({ access_token: newest, version: 3 }), {
    timeout: 20_000,
  })
  await scene.pass(301)
  expect(scene.accepts(await old.fetchAccessToken())).toBe(true)
  expect(scene.fetches).toBe(3)
})
