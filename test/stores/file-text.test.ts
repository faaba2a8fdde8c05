import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileText } from '../../src/stores/file-text.js'
import { Child } from '../support/child.js'
import type { LockCommands } from '../support/child-lock.js'
import type { TextCommands } from '../support/child-text.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { untilForAMoment } from '../support/until.js'
import { describeStoredText } from './stored-text-contract.js'

const seed = newSeed()

describeStoredText('a file', async () => {
  const folder = temporaryFolder()
  return {
    text: () => fileText(join(folder, 'data', 'notes.json')),
    aside: (where) => readFile(where, 'utf8'),
    discard: async () => removeFolder(folder),
  }
})

describe('a file of text', () => {
  let folder: string
  let data: string
  let path: string

  beforeEach(() => {
    folder = temporaryFolder()
    data = join(folder, 'data')
    path = join(data, 'notes.json')
  })

  afterEach(async () => {
    await Child.killAll()
    removeFolder(folder)
  })

  const stored = () => readFileSync(path, 'utf8')

  /** Lets the time pass for which a dead holder keeps the lock. */
  function letLeaseEnd(): void {
    const then = new Date(Date.now() - 10_000)
    for (const name of readdirSync(join(data, '.notes.lock'))) utimesSync(join(data, '.notes.lock', name), then, then)
  }

  it('is for this user alone, in a folder that is made for it, with a lock named after it', async () => {
    expect(fileText(path).where).toBe(path)
    expect(await fileText(path).read()).toBeUndefined()
    expect(readdirSync(folder)).toEqual([])
    await fileText(path).write('one', undefined)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(data).mode & 0o777).toBe(0o700)
    expect(readdirSync(data).sort()).toEqual(['.notes.lock', 'notes.json'])
  })

  it('that was written by hand meanwhile is not written over', async () => {
    const text = fileText(path)
    await text.write('one', undefined)
    const writing = text.write('two', await text.identity())
    await untilForAMoment(() => readdirSync(data).some((name) => name.endsWith('.tmp')))
    writeFileSync(path, 'by hand')
    expect(await writing).toBe(false)
    expect(stored()).toBe('by hand')
    expect(readdirSync(data).sort()).toEqual(['.notes.lock', 'notes.json'])
  })

  it('set aside keeps its name and its mode', async () => {
    const text = fileText(path)
    await text.write('one', undefined)
    const where = await text.setAside()
    expect(where).toMatch(/notes\.json\.broken-\d{4}-\d\d-\d\dT[\d-]+Z-[0-9a-f]{6}$/)
    expect(statSync(where).mode & 0o777).toBe(0o600)
  })

  it('tells what the file system says as it is', async () => {
    mkdirSync(path, { recursive: true })
    await expect(fileText(path).read()).rejects.toMatchObject({ code: 'EISDIR' })
    const inFile = join(folder, 'file')
    writeFileSync(inFile, '')
    await expect(fileText(join(inFile, 'notes.json')).write('one', undefined)).rejects.toMatchObject({
      code: 'ENOTDIR',
    })
    await expect(fileText(join(folder, 'nothing.json')).setAside()).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is left as it was, with nothing beside it, if the folder may not be written', async () => {
    const text = fileText(path)
    await text.write('one', undefined)
    const before = readdirSync(data).sort()
    chmodSync(folder, 0o755)
    chmodSync(data, 0o555)
    chmodSync(path, 0o644)
    const uid = process.geteuid?.()
    if (uid === 0) process.seteuid?.(65_534)
    try {
      await expect(text.write('two', await text.identity())).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      if (uid === 0) process.seteuid?.(0)
      chmodSync(data, 0o700)
    }
    expect(stored()).toBe('one')
    expect(readdirSync(data).sort()).toEqual(before)
  })

  it('clears away what a killed process left unfinished, and nothing that is young or not its own', async () => {
    mkdirSync(data)
    const names = ['notes.json.1-abc.tmp', 'notes.json.2-abc.tmp', 'other.tmp']
    for (const name of names) writeFileSync(join(data, name), '')
    const old = new Date(Date.now() - 120_000)
    for (const name of [names[0], names[2]]) utimesSync(join(data, name ?? ''), old, old)
    await fileText(path).write('one', undefined)
    expect(readdirSync(data).sort()).toEqual(['.notes.lock', 'notes.json', names[1], names[2]])
  })

  it('is not changed while another process holds its lock for too long, which is told apart', async () => {
    const text = fileText(path)
    await text.write('one', undefined)
    const holder = await Child.start<LockCommands>('child-lock')
    await holder.ask('hold', join(data, '.notes.lock'))
    await expect(text.write('two', await text.identity())).rejects.toMatchObject({ code: 'LOCK_BUSY' })
    await holder.ask('release')
    expect(stored()).toBe('one')
    expect(await text.write('two', await text.identity())).toBe(true)
  })

  it(`holds the old text or the new one, whole, when a process that writes is killed (seed ${seed})`, async () => {
    const random = seeded(seed)
    let told = 0
    for (let kill = 0; kill < 8; kill += 1) {
      const process = await Child.start<TextCommands>('child-text', { path })
      process.hear('stored', (number) => {
        told = Number(number)
      })
      const first = process.news('stored')
      await process.ask('countForever')
      await first
      await delay(60 * random())
      await process.kill()
      const { number, filler } = JSON.parse(stored())
      expect(filler).toBe('x'.repeat((number * 977) % 90_000))
      // The last one may have been stored and not yet told of.
      expect([told, told + 1]).toContain(number)
      letLeaseEnd()
    }
    expect(told).toBeGreaterThan(8)
    expect(await fileText(path).write('one', await fileText(path).identity())).toBe(true)
  })
})
