import { readRecord, type Stored, writeRecord } from '../../wechat/record.js'
import type { Storage } from '../../wechat/storage.js'
import { MoveError } from '../move-error.js'

/** WeChat's tokens and tickets live two hours at most, in ms. */
const longestLife = 7_200_000
/** By how much a credential may die sooner than its entry in Redis, in ms: it was on its way before it was stored there. */
const margin = 30_000

/** A credential to be taken over. */
export interface Adopted {
  /** As its record is called. */
  readonly name: string
  /** As its value is called in the record. */
  readonly field: 'access_token' | 'ticket'
  readonly value: string
  /** In ms since the epoch. */
  readonly expiresAt: number
}

/**
 * When a credential dies that ends in `endsIn` ms, to be on the safe side.
 *
 * @throws {MoveError} when it has no end, a later one than any of WeChat's, or too little left.
 */
export function deathOf(endsIn: number | undefined, least: number, now: number): number {
  if (endsIn === undefined) {
    throw new MoveError(
      'it has no end in Redis, so nobody knows how long it lives: give it to --token-stdin with --expires-in, if you know',
    )
  }
  if (endsIn > longestLife) {
    throw new MoveError(
      `it ends in ${seconds(endsIn)} s, and a token of WeChat lives two hours at most: this is none, or its end is wrong`,
    )
  }
  if (endsIn - margin <= least) {
    throw new MoveError(`it has ${seconds(endsIn)} s left, which is too little: let the hub fetch the next one`)
  }
  return now + endsIn - margin
}

/** The life that the stored record leaves, in ms; 0 if there is none that could be used. */
export async function lifeLeft(storage: Storage, { name, field }: Pick<Adopted, 'name' | 'field'>, now: number) {
  const expiresAt = recordIn(await storage.read(name), field, now)?.expiresAt ?? now
  return Math.max(0, expiresAt - now)
}

/**
 * Stores it as the newest record, which hubs that run take up, unless the record that is there has more than `least` ms to live.
 * Answers whether it did.
 */
export async function adopt(
  storage: Storage,
  { name, field, value, expiresAt }: Adopted,
  { least, now }: { readonly least: number; readonly now: number },
): Promise<boolean> {
  const work = async () => {
    const raw = await storage.read(name)
    const before = recordIn(raw, field, now)
    if (before !== undefined && before.expiresAt - now > least) return false
    // As the hub does with a record that it cannot read.
    if (raw !== undefined && before === undefined) await storage.setAside?.(name)
    const version = before === undefined ? ((await storage.firstVersion?.()) ?? 1) : before.version + 1
    return (await storage.save(name, writeRecord({ value, expiresAt, lifetime: undefined, version }, field))) !== false
  }
  return storage.lock === undefined ? work() : storage.lock(name, work)
}

function recordIn(raw: unknown, field: string, now: number): Stored | undefined {
  try {
    return raw === undefined ? undefined : readRecord(raw, field, now)
  } catch {
    return undefined
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
