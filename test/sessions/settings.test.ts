import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

let folder: string

beforeEach(async () => {
  folder = temporaryFolder()
  await mkdir(join(folder, 'config'))
})

afterEach(() => removeFolder(folder))

/** What becomes of these settings. */
async function load(sessions: object, env: NodeJS.ProcessEnv = {}) {
  await writeFile(join(folder, 'config', 'local.json'), JSON.stringify({ sessions }))
  return loadConfig({ cwd: folder, env })
}

describe('the settings of sessions', () => {
  it.each([
    ['ttl', 60, 2_592_000],
    ['maxLife', 60, 31_536_000],
    ['grace', 0, 3600],
    ['userDataMaxAge', 0, 31_536_000],
  ])('%s has bounds', async (name, least, most) => {
    for (const value of [least, most]) expect((await load({ [name]: value })).sessions).toMatchObject({ [name]: value })
    for (const value of [least - 1, most + 1, least + 0.5, String(least), null]) {
      await expect(load({ [name]: value })).rejects.toThrow(`sessions.${name}`)
    }
  })

  it('take a key of 64 hex digits from the environment, and never say it', async () => {
    const key = '0123456789abcdefABCDEF'.padEnd(64, '0')
    const other = 'f'.repeat(64)
    expect((await load({}, { WECHAT_HUB_SESSION_KEY: key })).sessions.key).toEqual([key])
    expect((await load({}, { WECHAT_HUB_SESSION_KEY: `${key}, ${other}` })).sessions.key).toEqual([key, other])
    for (const wrong of [key.slice(1), `${key}0`, key.replace('0', 'x'), `${key},`, `${key},${key.slice(1)}`]) {
      const error: unknown = await load({}, { WECHAT_HUB_SESSION_KEY: wrong }).catch((thrown: unknown) => thrown)
      expect(String(error)).toContain('WECHAT_HUB_SESSION_KEY')
      expect(String(error)).not.toContain(key.slice(1, 20))
    }
  })

  it('take a key, or a list of keys, newest first, from a file', async () => {
    const [newer, older] = ['1'.repeat(64), '2'.repeat(64)]
    expect((await load({ key: newer })).sessions.key).toEqual([newer])
    expect((await load({ key: [newer, older] })).sessions.key).toEqual([newer, older])
    for (const wrong of [[], [newer, 'x'], 7, null, '']) {
      await expect(load({ key: wrong })).rejects.toThrow('sessions.key')
    }
  })
})
