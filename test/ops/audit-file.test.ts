import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AuditFile, type AuditFileEvent } from '../../src/ops/audit-file.js'
import { Child } from '../support/child.js'
import type { AuditCommands } from '../support/child-audit.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const month = '2026-01'

let root: string
let folder: string
let clock: MovableClock
let file: AuditFile
let events: AuditFileEvent[]

beforeEach(() => {
  root = temporaryFolder()
  folder = join(root, 'audit')
  clock = new MovableClock()
  events = []
  file = new AuditFile({ folder, clock, observe: (event) => events.push(event) })
})

afterEach(async () => {
  await file.close()
  await Child.killAll()
  removeFolder(root)
})

const pathOf = (name: string) => join(folder, `${name}.jsonl`)

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const types = () => events.map(({ type }) => type)

describe('lines on their way to the disk', () => {
  it('are written together, 100 ms after the first of them, for this user alone', async () => {
    file.append(month, 'a\n')
    await clock.advance(60)
    file.append(month, 'b\n')
    await clock.advance(39)
    expect(textOf(pathOf(month))).toBe('')
    await clock.advance(1)
    await until(() => textOf(pathOf(month)) !== '')
    expect(textOf(pathOf(month))).toBe('a\nb\n')
    expect(statSync(pathOf(month)).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  it('are written without waiting when they are 64 Ki characters', async () => {
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 64; i += 1) file.append(month, line)
    await until(() => textOf(pathOf(month)).length === 64 * 1024)
  })

  it('are written in their order, those of a month in a file of their own', async () => {
    file.append('2026-01', 'a\n')
    file.append('2026-02', 'b\n')
    file.append('2026-02', 'c\n')
    await file.close()
    expect([textOf(pathOf('2026-01')), textOf(pathOf('2026-02'))]).toEqual(['a\n', 'b\nc\n'])
  })

  it('are appended to what an earlier process wrote, and not to a line that breaks off', async () => {
    mkdirSync(folder)
    writeFileSync(pathOf('2026-01'), 'whole\n')
    writeFileSync(pathOf('2026-02'), 'whole\n{"tor')
    file.append('2026-01', 'a\n')
    file.append('2026-02', 'b\n')
    await file.close()
    expect(textOf(pathOf('2026-01'))).toBe('whole\na\n')
    expect(textOf(pathOf('2026-02'))).toBe('whole\n{"tor\nb\n')
  })

  it('go to a new file when the old one was moved', async () => {
    file.append(month, 'a\n')
    await clock.advance(100)
    await until(() => textOf(pathOf(month)) === 'a\n')
    renameSync(pathOf(month), pathOf('moved'))
    file.append(month, 'b\n')
    await file.close()
    expect([textOf(pathOf('moved')), textOf(pathOf(month))]).toEqual(['a\n', 'b\n'])
  })

  it('are written when the process exits', async () => {
    const child = await Child.start<AuditCommands>('child-audit', { folder, month })
    child.ask('appendAndExit', ['a', 'b']).catch(() => undefined)
    await child.exited
    expect(textOf(pathOf(month))).toBe('a\nb\n')
  })

  it('may be lost when the process is killed, but none of those before', async () => {
    const child = await Child.start<AuditCommands>('child-audit', { folder, month })
    await child.ask('append', ['a'])
    await until(() => textOf(pathOf(month)) === 'a\n')
    await child.ask('append', ['b'])
    await child.kill()
    expect(['a\n', 'a\nb\n']).toContain(textOf(pathOf(month)))
  })
})

describe('a disk that fails', () => {
  const breakDisk = () => writeFileSync(folder, 'a file in the place of the folder')
  const mendDisk = () => rmSync(folder)

  it('is told of, is tried again each second, and gets what was held once it recovers', async () => {
    breakDisk()
    file.append(month, 'a\n')
    await clock.advance(100)
    await until(() => events.length === 1)
    file.append(month, 'b\n')
    await clock.advance(999)
    expect(events).toMatchObject([{ type: 'failed', first: true, error: expect.any(Error) }])
    await clock.advance(1)
    await until(() => events.length === 2)
    expect(events[1]).toMatchObject({ type: 'failed', first: false })
    mendDisk()
    await clock.advance(1000)
    await until(() => events.length === 3)
    expect(events[2]).toEqual({ type: 'recovered', lost: 0 })
    expect(textOf(pathOf(month))).toBe('a\nb\n')
  })

  it('costs no more than a Mi characters of memory: what comes then is lost and counted', async () => {
    breakDisk()
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 1024 + 7; i += 1) file.append(month, line)
    await until(() => types().includes('failed'))
    expect(types().filter((type) => type === 'lost')).toHaveLength(7)
    mendDisk()
    await clock.advance(1000)
    await until(() => types().includes('recovered'))
    expect(events.at(-1)).toEqual({ type: 'recovered', lost: 7 })
    expect(textOf(pathOf(month))).toHaveLength(1024 * 1024)
    file.append(month, 'and on\n')
    await file.close()
    expect(textOf(pathOf(month)).slice(-8)).toBe('\nand on\n')
  })

  it('is told of anew when it fails again', async () => {
    for (const round of [1, 2]) {
      breakDisk()
      file.append(month, 'a\n')
      await clock.advance(100)
      await until(() => types().filter((type) => type === 'failed').length === round)
      mendDisk()
      await clock.advance(1000)
      await until(() => types().filter((type) => type === 'recovered').length === round)
      rmSync(folder, { recursive: true })
    }
    expect(events.flatMap((event) => (event.type === 'failed' ? [event.first] : []))).toEqual([true, true])
  })

  it('does not keep the end waiting', async () => {
    breakDisk()
    file.append(month, 'a\n')
    await file.close()
    expect(types()).toEqual(['failed'])
    mendDisk()
    file.append(month, 'b\n')
    await clock.advance(10_000)
    expect(textOf(pathOf(month))).toBe('')
  })

  it('that is full in the middle of a line: that line is written again, whole, and no other', async () => {
    const child = await Child.start<AuditCommands>('child-audit', { folder, month }, { disk: 8 })
    const lines = Array.from({ length: 70 }, (_, i) => `${i}:${'x'.repeat(97)}`)
    const failed = child.news('failed')
    await child.ask('append', lines)
    await failed
    renameSync(pathOf(month), pathOf('full'))
    await child.news('recovered')
    const written = textOf(pathOf('full')).split('\n')
    const torn = written.pop() ?? ''
    expect(torn).not.toBe('')
    expect(written.length).toBeGreaterThan(30)
    expect(lines[written.length]?.startsWith(torn)).toBe(true)
    expect([...written, ...textOf(pathOf(month)).trimEnd().split('\n')]).toEqual(lines)
  })
})
