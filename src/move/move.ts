import type { SessionKeys } from '../sessions/session-keys.js'
import { copyCredentials, livingInTheWay } from './copy-credentials.js'
import { copyRecords, hasRecords } from './copy-records.js'
import { compareTexts, copyText } from './copy-text.js'
import { type Mark, readMark, writeMark } from './mark.js'
import { MoveError } from './move-error.js'
import { type Kind, kindNames, kinds, type Place } from './place.js'
import { holdsSessionKey, Resealing } from './resealing.js'

/** The texts of a hub, and what people call them. */
const texts = { clients: 'clients', 'hub-token-keys': 'keys of hub tokens' } as const
const textNames = ['clients', 'hub-token-keys'] as const

export interface MoveOptions {
  readonly from: Place
  readonly to: Place
  /** Those of the configuration; what else is found at the source is copied too. */
  readonly appIDs: readonly string[]
  /** Whether what the target has of its own may go. */
  readonly replace: boolean
  readonly keys: {
    readonly from: Pick<SessionKeys, 'open'>
    /** Undefined: there are none that all hubs on the target would know. */
    readonly to: Pick<SessionKeys, 'seal'> | undefined
  }
  /** Whether users may have to log in again before their data can be read. */
  readonly withoutSessionKeys: boolean
  /** Told in a sentence how far it is. */
  readonly tell: (line: string) => void
}

/** What was copied, each by the name that people know it by. Undefined: all had been moved already. */
export type Moved = ReadonlyMap<string, string>

/**
 * Copies all that a hub keeps from one place to another. Called again after it was interrupted it copies all once more; after it
 * was done it does nothing: what is at the target then is newer. Meanwhile no hub starts on either side; when it fails the source
 * may be used as before.
 *
 * @throws {MoveError} before anything is changed, when a hub runs there or something of the target's own would be lost; after all
 * was copied, when a hub has begun to run there all the same.
 */
export async function move(options: MoveOptions): Promise<Moved | undefined> {
  const { from, to, keys, withoutSessionKeys, tell } = options
  await expectUnused(from)
  await expectUnused(to)
  if (await wasMoved(options)) return undefined
  const found = await from.accounts()
  await expectSomething(from, found)
  const accounts = [...new Set([...options.appIDs, ...found])]
  await expectRoom(options, accounts)
  if (keys.to === undefined && !withoutSessionKeys) await expectNoSessionKeys(from, accounts)
  const isContinued = await isContinuedAt(options)
  const moved = await leaving(options, async () => {
    await writeMark(to.stores, 'copying', from.where)
    const copied = new Map([
      ...(await moveCredentials(options, accounts, isContinued)),
      ...(await moveTexts(options)),
      ...(await moveRecords(options, accounts)),
    ])
    // Whoever has taken a mark away has been let in.
    await expectUnused(from)
    await expectUnused(to)
    return copied
  })
  await writeMark(to.stores, 'here', from.where)
  tell(`All is copied. What is left in ${from.where} is old from now on.`)
  return moved
}

/** Marks the source: that it is on its way while `work` runs, and then that it has gone, or has stayed if that fails. */
async function leaving<T>({ from, to }: MoveOptions, work: () => Promise<T>): Promise<T> {
  const before = await readMark(from.stores)
  // On what was moved before no hub starts either way.
  if (before?.state !== 'moved') await writeMark(from.stores, 'leaving', to.where)
  try {
    // One that began before it could see the mark has shown itself by now.
    await expectUnused(from)
    const done = await work()
    await writeMark(from.stores, 'moved', to.where)
    return done
  } catch (error) {
    // If even that fails the mark stays, as when the process is killed: the next run takes it up.
    if (before?.state !== 'moved')
      await markAsStayed(from, before ?? { state: 'here', other: to.where }).catch(() => undefined)
    throw error
  }
}

async function markAsStayed({ stores }: Place, { state, other }: Pick<Mark, 'state' | 'other'>): Promise<void> {
  await writeMark(stores, state === 'leaving' ? 'here' : state, other)
}

/** Whether all was moved to the target before: hubs went on with it there, and none here. */
async function isContinuedAt({ from, to }: MoveOptions): Promise<boolean> {
  const mark = await readMark(from.stores)
  return mark?.state === 'moved' && mark.other === to.where
}

async function expectUnused(place: Place): Promise<void> {
  if (await place.isInUse()) {
    throw new MoveError(`a hub uses ${place.where}: stop all hubs there first, and start them when all is copied`)
  }
}

/** A folder, or a prefix, was mistyped. */
async function expectSomething({ where, stores }: Place, found: ReadonlySet<string>): Promise<void> {
  if (found.size > 0) return
  for (const name of textNames) if ((await stores.text(name).identity()) !== undefined) return
  throw new MoveError(`there is nothing of a hub in ${where}: is that the right one?`)
}

async function wasMoved({ from, to, replace }: MoveOptions): Promise<boolean> {
  const mark = await readMark(from.stores)
  if (mark?.state === 'copying') {
    throw new MoveError(
      `${from.where} is not whole: it was being filled from ${mark.other} when that was interrupted. Move from there once more`,
    )
  }
  if (mark?.state !== 'moved' || replace) return false
  if (mark.other === to.where) {
    // Interrupted between the two last steps.
    if ((await readMark(to.stores))?.state === 'copying') await writeMark(to.stores, 'here', from.where)
    return true
  }
  throw new MoveError(
    `what is in ${from.where} is old: on ${mark.at} it was moved to ${mark.other}. Move from there, or add --replace to use the old state`,
  )
}

/** What the target has of its own is lost only if it is old, half a copy, or not wanted. */
async function expectRoom({ from, to, replace }: MoveOptions, accounts: readonly string[]): Promise<void> {
  const mark = await readMark(to.stores)
  if (replace || mark?.state === 'moved' || mark?.state === 'copying') return
  for (const name of textNames) {
    const found = await compareTexts(from.stores.text(name), to.stores.text(name))
    if (found === 'differs') throw inTheWay(to, `${texts[name]} (${to.stores.text(name).where}), which differ`)
  }
  for (const appID of accounts) {
    const living = await livingInTheWay(from.stores.credentials, to.stores.credentials, appID)
    if (living !== undefined) throw inTheWay(to, `a living ${living} of ${appID}, which is another one`)
    for (const kind of kindNames()) {
      if (await hasRecords(to, appID, kind)) throw inTheWay(to, `${kinds[kind]} of ${appID}`)
    }
  }
}

function inTheWay({ where }: Place, what: string): MoveError {
  return new MoveError(
    `${where} has ${what}. Nothing is merged and nothing was changed: with --replace the source's take their place`,
  )
}

async function expectNoSessionKeys(from: Place, accounts: readonly string[]): Promise<void> {
  for (const appID of accounts) {
    for await (const entry of from.records(appID, 's')) {
      if (!holdsSessionKey(entry)) continue
      throw new MoveError(
        'the sessions hold session_keys, and there is no key that all hubs on the target would know. Set WECHAT_HUB_SESSION_KEY ' +
          '(`openssl rand -hex 32` makes one), here and for the hubs, or add --without-session-keys: the sessions live on, and a ' +
          "user's data answers 87009 until the user's next login",
      )
    }
  }
}

async function moveCredentials(
  { from, to }: MoveOptions,
  accounts: readonly string[],
  isContinued: boolean,
): Promise<Moved> {
  const total = { copied: 0, there: 0, broken: 0 }
  for (const appID of accounts) {
    const stores = { from: from.stores.credentials, to: to.stores.credentials }
    const { copied, there, broken } = await copyCredentials({ ...stores, appID, isContinued })
    total.copied += copied
    total.there += there
    total.broken += broken
  }
  const { copied, there, broken } = total
  const notes = [
    ...(there === 0 ? [] : [`${there} there already`]),
    ...(broken === 0 ? [] : [`${broken} broken, not copied`]),
  ]
  return new Map([['credentials', [String(copied), ...notes].join('; ')]])
}

async function moveTexts({ from, to }: MoveOptions): Promise<Moved> {
  const said = { missing: 'none', same: 'there already', absent: 'copied', differs: 'replaced' } as const
  const moved = new Map<string, string>()
  for (const name of textNames) {
    moved.set(texts[name], said[await copyText(from.stores.text(name), to.stores.text(name))])
  }
  return moved
}

async function moveRecords(options: MoveOptions, accounts: readonly string[]): Promise<Moved> {
  const { from, to, keys, withoutSessionKeys, tell } = options
  const resealing = new Resealing(keys.from, withoutSessionKeys ? undefined : keys.to)
  const counts = new Map<Kind, number>()
  for (const appID of accounts) {
    for (const kind of kindNames()) {
      const count = await copyRecords({
        ...{ from, to, appID, kind },
        become: async (entry) => (kind === 's' ? resealing.session(appID, entry) : entry),
        progress: sparingly((so) => tell(`${appID}: ${so} ${kinds[kind]}`)),
      })
      counts.set(kind, (counts.get(kind) ?? 0) + count)
    }
  }
  const { resealed, dropped } = resealing
  return new Map([
    ...[...counts].map(([kind, count]): [string, string] => [kinds[kind], String(count)]),
    ['session_keys', dropped === 0 ? String(resealed) : `${resealed}; ${dropped} dropped`],
  ])
}

/** Passes a call on unless the last one that was passed on is less than a second ago. */
function sparingly(tell: (count: number) => void): (count: number) => void {
  let next = Number.NEGATIVE_INFINITY
  return (count) => {
    if (performance.now() < next) return
    next = performance.now() + 1000
    tell(count)
  }
}
