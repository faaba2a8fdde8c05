import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { grant, Platform, shop, start } from './with-sandbox.js'

let folder: string
let stateFile: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-'))
  stateFile = join(folder, 'made', 'state.json')
})

afterEach(() => rm(folder, { recursive: true }))

describe('the state file', () => {
  test('keeps tokens, quotas and the offset over a restart, even one without a goodbye', async () => {
    const accounts = [{ ...shop, dailyTokens: 2 }]
    const before = await Platform.open({ stateFile, accounts })
    const replaced = await before.token()
    before.sandbox.clock.advance(100)
    const stable = await before.stable()
    const token = await before.token()

    const after = await Platform.open({ stateFile, accounts })
    expect(after.sandbox.clock.offset).toBe(100)
    expect(await after.verdict(token)).toBe(0)
    expect(await after.stable()).toEqual(stable)
    expect(await after.get('/cgi-bin/token', grant())).toMatchObject({ errcode: 45009 })
    after.sandbox.clock.advance(300)
    expect(await after.verdict(replaced)).toBe(40001)
    await Promise.all([before.sandbox.close(), after.sandbox.close()])
  })

  test('is for its owner only and is replaced as a whole', async () => {
    const wx = await Platform.open({ stateFile })
    await wx.token()
    const { mode, ino } = await stat(stateFile)
    expect(mode & 0o777).toBe(0o600)
    const token = await wx.token()
    expect((await stat(stateFile)).ino).not.toBe(ino)
    expect(await readFile(stateFile, 'utf8')).toContain(token)
    await wx.sandbox.close()
    expect(await readdir(join(folder, 'made'))).toEqual(['state.json'])
  })

  test.for(['', '{"offset":', '{"offset":-5,"tokens":[],"quotas":[]}', '[]', '{"tokens":"none"}'])(
    'is ignored and replaced when it is as broken as %j',
    async (broken) => {
      const file = join(folder, 'state.json')
      await writeFile(file, broken)
      const wx = await Platform.open({ stateFile: file })
      expect(wx.sandbox.clock.now()).toBe(start)
      expect(await readFile(file, 'utf8')).toBe(broken)
      const token = await wx.token()
      expect(await readFile(file, 'utf8')).toContain(token)
      await wx.sandbox.close()
    },
  )
})
