import fs from 'node:fs'
import files, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { fileStore } from '../../src/stores/file.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { serve, settings } from './child-serve.js'

/** What the program is started with. */
export interface FailingDiskSettings {
  readonly folder: string
  readonly apiDomain: string
  readonly appID: string
  readonly appSecret: string
}

/** Which call fails, counted from 1, and whether the disk does the work all the same: it fails to say so. */
export interface DiskFault {
  readonly nth: number
  readonly done: boolean
}

/** What became of the work, and which call failed; undefined: there were fewer of them. */
export interface UnderFault {
  readonly outcome: string
  readonly failed: string | undefined
}

let fault: DiskFault | undefined
let calls = 0
let failed: string | undefined

/** Counts a call of the file system. Answers how it fails, if it does. */
function failing(name: string): DiskFault | undefined {
  if (fault === undefined) return undefined
  calls += 1
  if (calls !== fault.nth) return undefined
  failed = name
  return fault
}

function eio(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', errno: -5, syscall: name })
}

type Call = (this: unknown, ...args: unknown[]) => unknown

/** A promised call that fails when it is its turn. A file is closed in any case, as Linux does. */
function promised(name: string, call: Call): Call {
  return async function (...args) {
    const how = failing(name)
    if (how === undefined) return call.apply(this, args)
    if (how.done || name === 'close') await call.apply(this, args)
    throw eio(name)
  }
}

function immediate(name: string, call: Call): Call {
  return function (...args) {
    const how = failing(name)
    if (how === undefined) return call.apply(this, args)
    if (how.done) call.apply(this, args)
    throw eio(name)
  }
}

function replace(owner: object, name: string, make: (name: string, call: Call) => Call): void {
  const call: unknown = Reflect.get(owner, name)
  if (typeof call === 'function')
    Reflect.set(
      owner,
      name,
      make(name, (...args) => Reflect.apply(call, owner, args)),
    )
}

/** The disk is what is stood in for: the file system's own functions, for all modules of this process. */
function takeOver(): void {
  for (const name of ['link', 'mkdir', 'readdir', 'rename', 'rm', 'stat', 'unlink', 'utimes']) {
    replace(files, name, promised)
  }
  for (const name of ['chmodSync', 'mkdirSync', 'readFileSync', 'renameSync', 'statSync']) replace(fs, name, immediate)
  const open = files.open
  files.open = async (...args) => {
    const how = failing('open')
    if (how !== undefined && !how.done) throw eio('open')
    const file: FileHandle = await open(...args)
    if (how !== undefined) {
      await file.close()
      throw eio('open')
    }
    for (const name of ['close', 'read', 'stat', 'sync', 'writeFile']) replace(file, name, promised)
    return file
  }
  syncBuiltinESMExports()
}

takeOver()

const { folder, appID, ...account } = settings<FailingDiskSettings>()
const wechat = new Wechat({
  ...{ ...account, appID, storage: fileStore(folder).account(appID) },
  ...{ refreshAhead: 290, dailyTokens: 1_000_000 },
})

async function under(given: DiskFault, work: () => Promise<unknown>): Promise<UnderFault> {
  fault = given
  calls = 0
  failed = undefined
  try {
    const outcome = String(await work())
    return { outcome, failed }
  } catch (error) {
    return { outcome: String(error), failed }
  } finally {
    fault = undefined
  }
}

const commands = {
  /** Saves a record in a store that has done nothing yet. */
  save: ({ version, ...given }: DiskFault & { version: number }): Promise<UnderFault> =>
    under(given, () =>
      fileStore(folder)
        .account(appID)
        .save('access_token', { version, filler: 'x'.repeat(version) }),
    ),

  /** Refreshes, with the lock and the count of fetches. The outcome is the token. */
  update: (given: DiskFault): Promise<UnderFault> => under(given, () => wechat.updateAccessToken()),

  held: () => wechat.fetchAccessToken(),
}

export type FailingDiskCommands = typeof commands

serve(commands)
