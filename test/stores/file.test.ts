import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore } from '../../src/stores/file.js'
import { Child } from '../support/child.js'
import type { StoreCommands } from '../support/child-store.js'
import type { WechatCommands } from '../support/child-wechat.js'
import { account, Scene } from '../support/scene.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const { appID, appSecret } = account

let root: string
/** The account's folder, and its record. */
let folder: string
let file: string

beforeEach(() => {
  root = temporaryFolder()
  folder = join(root, 'data', appID)
  file = join(folder, 'access_token.json')
})

afterEach(async () => {
  await Child.killAll()
  removeFolder(root)
})

const open = () => fileStore(join(root, 'data')).account(appID)

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Puts something where the record belongs. */
function put(content: string | Buffer): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, content)
}

describe('who may read (P6)', () => {
  const umask = process.umask()
  afterEach(() => {
    process.umask(umask)
  })

  it.each(['000', '022', '077'])('makes files of mode 600 in folders of mode 700 under umask %s', async (mask) => {
    process.umask(mask)
    const storage = open()
    await storage.save('access_token', { version: 1 })
    await storage.lock?.('access_token', async () => {
      expect(modeOf(join(folder, '.access_token.lock'))).toBe('700')
      expect(modeOf(join(folder, '.access_token.lock', '1'))).toBe('600')
    })
    expect(modeOf(join(root, 'data'))).toBe('700')
    expect(modeOf(folder)).toBe('700')
    expect(modeOf(file)).toBe('600')
  })

  it('closes a folder and a file that were open to others', async () => {
    put('{"version":1}')
    chmodSync(folder, 0o755)
    chmodSync(file, 0o644)
    await open().save('access_token', { version: 2 })
    expect(modeOf(folder)).toBe('700')
    expect(modeOf(file)).toBe('600')
  })
})

describe('a save', () => {
  it('keeps the record as JSON, for any program to read', async () => {
    expect(await open().save('access_token', { access_token: 'a', expires_in: 7200, version: 1 })).toBe(true)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ access_token: 'a', expires_in: 7200, version: 1 })
  })

  it.each([6, 7])('with version %i is refused where there is version 7, and changes nothing', async (version) => {
    const storage = open()
    await storage.save('access_token', { access_token: 'newer', version: 7 })
    const before = readFileSync(file)
    expect(await storage.save('access_token', { access_token: 'slow', version })).toBe(false)
    expect(readFileSync(file)).toEqual(before)
    expect(readdirSync(folder)).toEqual(['access_token.json'])
  })

  it('is refused too when another process has stored the newer record', async () => {
    const storage = open()
    await storage.save('access_token', { version: 1 })
    const child = await Child.start<StoreCommands>('child-store')
    await child.ask('save', { folder: join(root, 'data'), appID, first: 3, last: 3 })
    expect(await storage.save('access_token', { version: 2 })).toBe(false)
    expect(await storage.save('access_token', { version: 4 })).toBe(true)
  })

  it('replaces what is no record, and what has no version', async () => {
    for (const content of ['no JSON', '{"expires_time":1700000000000}', '']) {
      put(content)
      expect(await open().save('access_token', { version: 0 })).toBe(true)
    }
  })

  it('that fails takes nothing away, and leaves nothing behind', async () => {
    mkdirSync(join(file, 'not a file'), { recursive: true })
    await expect(open().save('access_token', { version: 1 })).rejects.toMatchObject({ code: 'EISDIR' })
    expect(readdirSync(folder)).toEqual(['access_token.json'])
  })
})

describe('readers', () => {
  it('never find a torn record or none while another process saves thousands (P4)', async () => {
    const storage = open()
    await storage.save('access_token', { version: 0, length: 0, filler: '' })
    const child = await Child.start<StoreCommands>('child-store')
    let saving = true
    const saved = child.ask('save', { folder: join(root, 'data'), appID, first: 1, last: 3000 }).finally(() => {
      saving = false
    })
    const seen = new Set<number>()
    let highest = 0
    const check = (raw: unknown) => {
      const { version, length, filler } = JSON.parse(String(raw))
      expect(filler).toHaveLength(length)
      expect(version).toBeGreaterThanOrEqual(highest)
      highest = version
      seen.add(version)
    }
    while (saving) {
      check(readFileSync(file))
      check(await storage.read('access_token'))
    }
    await saved
    check(await storage.read('access_token'))
    expect(highest).toBe(3000)
    // That they did read while records were replaced.
    expect(seen.size).toBeGreaterThan(100)
  })

  it('find nothing where there is no file', async () => {
    expect(await open().read('access_token')).toBeUndefined()
  })
})

describe('a file that is no record (P4)', () => {
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.start()
  })
  afterEach(() => scene.close())

  const setAside = () => readdirSync(folder).filter((name) => name.startsWith('access_token.json.broken-'))

  async function expectReplaced(): Promise<void> {
    const token = await scene.wechat({ storage: open() }).fetchAccessToken()
    expect(scene.accepts(token)).toBe(true)
    expect(scene.fetches).toBe(1)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ access_token: token, version: 1 })
  }

  it.each<[string, string | Buffer]>([
    ['half a record', '{"access_token":"to'],
    ["another program's", 'ACCESS_TOKEN=abc\n'],
    ['JSON of another kind', '["access_token"]'],
    ['a record without a moment of death', '{"access_token":"abc"}'],
    ['empty', ''],
    ['zeros, as after a loss of power', Buffer.alloc(300)],
    ['random bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['huge', `{"access_token":"${'a'.repeat(5_000_000)}","expires_time":1767229200000}`],
  ])('%s: is kept under another name, reported and replaced', async (_name, content) => {
    put(content)
    await expectReplaced()
    const kept = setAside().map((name) => join(folder, name))
    expect(kept).toHaveLength(1)
    expect(readFileSync(String(kept[0])).equals(Buffer.from(content))).toBe(true)
    expect(scene.happened('set-aside')).toEqual([
      { credential: 'access_token', type: 'set-aside', reason: expect.stringMatching(/^it /), where: kept[0] },
    ])
  })

  it('a folder: is kept under another name with what is in it, reported and replaced', async () => {
    mkdirSync(file, { recursive: true })
    writeFileSync(join(file, 'notes'), 'mine')
    await expectReplaced()
    expect(readFileSync(join(folder, String(setAside()[0]), 'notes'), 'utf8')).toBe('mine')
    expect(scene.happened('set-aside')).toHaveLength(1)
  })

  it('shows nothing of its content in the report (P6)', async () => {
    put('{"access_token":"a-token-in-a-broken-file"')
    await expectReplaced()
    expect(JSON.stringify(scene.events)).not.toContain('a-token')
  })

  it('is left alone when another process has already replaced it', async () => {
    put('broken')
    const slow = open()
    expect(await slow.read('access_token')).toBe('broken')
    const quick = open()
    await quick.read('access_token')
    await quick.setAside?.('access_token')
    await quick.save('access_token', { version: 1 })
    expect(await slow.setAside?.('access_token')).toBeUndefined()
    expect(readFileSync(file, 'utf8')).toBe('{"version":1}\n')
    expect(setAside()).toHaveLength(1)
  })
})

describe('unfinished files', () => {
  it('are removed when they are older than a minute, and left when they are younger', async () => {
    const ages = { one: 61, two: 3600, three: 59, four: 0 }
    mkdirSync(folder, { recursive: true })
    for (const [name, seconds] of Object.entries(ages)) {
      const path = join(folder, `access_token.json.${name}.tmp`)
      writeFileSync(path, '{"acc')
      const then = new Date(Date.now() - seconds * 1000)
      utimesSync(path, then, then)
    }
    // Others' files are none of ours, however old.
    writeFileSync(join(folder, 'notes'), '')
    utimesSync(join(folder, 'notes'), 0, 0)
    await open().save('access_token', { version: 1 })
    const left = ['access_token.json', 'access_token.json.four.tmp', 'access_token.json.three.tmp', 'notes']
    await expect.poll(() => readdirSync(folder).sort(), { timeout: 20_000 }).toEqual(left)
  })
})

describe('an appID', () => {
  const wrong = ['', '.', '..', '../up', 'a/b', '/etc', 'a\\b', 'a.b', 'a b', 'a\0b', 'a\n', 'ü', 'a'.repeat(65)]

  it.each(wrong)('that could leave the folder or is none is refused: %j', (name) => {
    expect(() => fileStore(root).account(name)).toThrow(/^"appID" must be 1 to 64 letters/)
  })

  it('of 1 to 64 letters, digits, "_" and "-" is taken', async () => {
    for (const name of ['a', 'wx_A-9', 'a'.repeat(64)]) {
      await fileStore(root).account(name).save('access_token', { version: 1 })
      expect(existsSync(join(root, name, 'access_token.json'))).toBe(true)
    }
  })
})

describe('a watch', () => {
  /** Resolves when the watch calls. */
  function changed(): Promise<void> {
    return new Promise((resolve) => {
      const end = open().watch?.('access_token', () => {
        end?.()
        resolve()
      })
    })
  }

  const save = (child: Child<StoreCommands>, version: number) =>
    child.ask('save', { folder: join(root, 'data'), appID, first: version, last: version })

  it('tells what another process saves', async () => {
    const child = await Child.start<StoreCommands>('child-store')
    for (const version of [1, 2, 3]) {
      const told = changed()
      await save(child, version)
      await told
      expect(JSON.parse(String(await open().read('access_token')))).toMatchObject({ version })
    }
  })

  it('tells it even if there was no folder and none could be made when it began', async () => {
    const child = await Child.start<StoreCommands>('child-store')
    writeFileSync(join(root, 'data'), 'in the way')
    const told = changed()
    rmSync(join(root, 'data'))
    await save(child, 1)
    await told
  })

  it('says nothing of the other records in the folder, nor after its end', async () => {
    const storage = open()
    const told: string[] = []
    const end = storage.watch?.('access_token', () => told.push('tokens'))
    storage.watch?.('fetches', () => told.push('fetches'))?.call(undefined)
    await storage.save('fetches', { version: 1 })
    end?.()
    // What is told of this save comes after what would be told of the one before.
    const last = changed()
    await storage.save('access_token', { version: 1 })
    await last
    expect(told).toEqual([])
  })

  it.each([
    ['a folder', () => undefined],
    ['a path where there is no folder', () => writeFileSync(join(root, 'data'), '')],
  ])('of %s does not keep the process alive', async (_name, prepare) => {
    prepare()
    const child = await Child.start<StoreCommands>('child-store')
    await child.ask('watchAlone', { folder: join(root, 'data'), appID })
    expect(await child.exited).toEqual([0, null])
  })
})

describe('a disk that takes nothing', () => {
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.start()
  })
  afterEach(() => scene.close())

  it('leaves the old record whole when it is full, and loses no token', async () => {
    const settings = { folder: join(root, 'data'), apiDomain: scene.apiDomain, appID, appSecret }
    const healthy = await Child.start<WechatCommands>('child-wechat', settings)
    const old = await healthy.ask('update')
    await healthy.kill()
    const before = readFileSync(file)

    const child = await Child.start<WechatCommands>('child-wechat', settings, { disk: 'full' })
    const events: unknown[] = []
    child.hear('event', (event) => events.push(event))
    expect(await child.ask('get', 1)).toMatchObject([{ value: old, from: 'store' }])
    const token = await child.ask('update')
    expect(await child.ask('get', 1)).toMatchObject([{ value: token, from: 'memory' }])
    expect(scene.accepts(token)).toBe(true)
    // The count of fetches could not be stored, nor the token.
    expect(events).toEqual(['save-failed', 'save-failed', 'refreshed: manual'])
    expect(readFileSync(file)).toEqual(before)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('gets the token later, when the folder is back', async () => {
    const wechat = scene.wechat({ storage: open() })
    const old = await wechat.fetchAccessToken()
    const away = join(root, 'away')
    renameSync(folder, away)
    writeFileSync(folder, 'in the way')

    const token = await wechat.updateAccessToken()
    expect(token).not.toBe(old)
    expect(await wechat.fetchAccessToken()).toBe(token)
    // The count of fetches could not be stored, nor the token.
    expect(scene.happened('save-failed')).toHaveLength(2)
    expect(scene.happened('lock-failed')).toHaveLength(1)
    expect(JSON.parse(readFileSync(join(away, 'access_token.json'), 'utf8'))).toMatchObject({ access_token: old })

    rmSync(folder)
    renameSync(away, folder)
    await scene.pass(5)
    await expect.poll(() => JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ access_token: token })
    expect(scene.fetches).toBe(2)
  })

  it('stops no program that starts with it, and gets the token when it takes files again', async () => {
    writeFileSync(join(root, 'data'), 'in the way')
    const wechat = scene.wechat({ storage: open() })
    const token = await wechat.fetchAccessToken()
    expect(scene.accepts(token)).toBe(true)
    expect(await wechat.fetchAccessToken()).toBe(token)
    rmSync(join(root, 'data'))
    await scene.pass(5)
    await expect.poll(() => existsSync(file)).toBe(true)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ access_token: token })
    expect(scene.fetches).toBe(1)
  })
})
