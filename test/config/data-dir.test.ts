import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ConfigError, checkDataDir } from '../../src/config.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wechat-hub-data-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function refusal(dir: string): Promise<ConfigError> {
  const error: unknown = await checkDataDir(dir).catch((thrown: unknown) => thrown)
  if (error instanceof ConfigError) return error
  throw new Error('the folder was accepted')
}

it('makes the folder and those above it for the owner alone, and leaves nothing in it', async () => {
  const dir = join(folder, 'a/b')
  await checkDataDir(dir)
  expect(statSync(dir).mode & 0o777).toBe(0o700)
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700)
  expect(readdirSync(dir)).toEqual([])
})

it('takes a folder that is there, with what is in it', async () => {
  writeFileSync(join(folder, 'kept'), 'x')
  await checkDataDir(folder)
  expect(readdirSync(folder)).toEqual(['kept'])
})

it.each(['file', 'file/below'])('says that a file is in the way: %s', async (path) => {
  writeFileSync(join(folder, 'file'), 'x')
  const error = await refusal(join(folder, path))
  expect(error.faults).toMatchObject([{ field: 'dataDir', variable: 'WECHAT_HUB_DATA' }])
  expect(error.message).toMatch(/dataDir \(WECHAT_HUB_DATA\): a file is in the way.*ENOTDIR/)
  expect(error.message).not.toContain(folder)
})

it('says that it may not write', async () => {
  chmodSync(folder, 0o500)
  // The superuser may write everywhere: step down for the length of the call.
  const uid = process.geteuid?.()
  if (uid === 0) {
    chmodSync(folder, 0o555)
    process.seteuid?.(65_534)
  }
  try {
    expect((await refusal(folder)).message).toMatch(/may not write there \(EACCES\)/)
    expect((await refusal(join(folder, 'new'))).message).toMatch(/may not write there \(EACCES\)/)
  } finally {
    if (uid === 0) process.seteuid?.(0)
    chmodSync(folder, 0o700)
  }
  expect(existsSync(join(folder, 'new'))).toBe(false)
})
