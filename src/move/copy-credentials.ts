import type { CredentialStore } from '../stores/store.js'
import type { VersionedRecord } from '../wechat/storage.js'
import { ticketTypes } from '../wechat/ticket-endpoint.js'
import { MoveError } from './move-error.js'

const tickets = ticketTypes.map((type) => `${type}_ticket`)
/** The account's token, its tickets, and the count of its fetches. */
const names = ['access_token', ...tickets, 'fetches']
/** No hub understands a higher version. */
const highestVersion = 2 ** 50

export interface CopiedCredentials {
  copied: number
  /** The target had the same ones, or went on from them. */
  there: number
  /** They could not be understood: the hub would have set them aside. */
  broken: number
}

export interface CopyCredentialsOptions {
  readonly from: CredentialStore
  readonly to: CredentialStore
  readonly appID: string
  /**
   * Whether the target's came from the source, and hubs went on with them: then those of a higher version are newer. Where it had
   * its own, its versions tell nothing: each store counts in its own way.
   */
  readonly isContinued: boolean
}

/** Copies an account's credentials in place of the target's: WeChat is asked nothing. @throws {MoveError} when others change them. */
export async function copyCredentials({
  from,
  to,
  appID,
  isContinued,
}: CopyCredentialsOptions): Promise<CopiedCredentials> {
  const [source, target] = [from.account(appID), to.account(appID)]
  const count = { copied: 0, there: 0, broken: 0 }
  for (const name of names) {
    const raw = await source.read(name)
    if (raw === undefined) continue
    const record = recordIn(raw)
    if (record === undefined) {
      count.broken += 1
      continue
    }
    const rawThere = await target.read(name)
    const there = recordIn(rawThere)
    if (there !== undefined && (isContinued || isSame(record, there)) && there.version >= record.version) {
      count.there += 1
      continue
    }
    // As the hub does with a record that it cannot read.
    if (rawThere !== undefined && there === undefined) await target.setAside?.(name)
    const version = Math.max(record.version, (there?.version ?? -1) + 1)
    if ((await target.save(name, { ...record, version })) === false) {
      throw new MoveError(`the ${name} of ${appID} was changed while it was copied: stop the hub, and run this again`)
    }
    count.copied += 1
  }
  return count
}

/** What the target has of an account that lives, in the place of which another one would come: its name. Undefined: nothing. */
export async function livingInTheWay(
  from: CredentialStore,
  to: CredentialStore,
  appID: string,
): Promise<string | undefined> {
  const [source, target] = [from.account(appID), to.account(appID)]
  for (const name of ['access_token', ...tickets]) {
    const record = recordIn(await source.read(name))
    const there = recordIn(await target.read(name))
    if (record !== undefined && there !== undefined && !isSame(record, there) && isLiving(there)) return name
  }
  return undefined
}

/** Whether two records of one name say the same, whatever their versions. */
function isSame(one: VersionedRecord, other: VersionedRecord): boolean {
  return contentOf(one) === contentOf(other)
}

function contentOf(record: VersionedRecord): string {
  const fields = Object.entries(record).filter(([field]) => field !== 'version')
  return JSON.stringify(fields.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

/** By the fields of all shapes that the hub understands. */
function isLiving({ expires_time, expires_in }: VersionedRecord): boolean {
  return Math.max(...[expires_time, expires_in].filter((each) => typeof each === 'number')) > Date.now()
}

function recordIn(raw: unknown): VersionedRecord | undefined {
  try {
    const record: unknown = JSON.parse(String(raw))
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return undefined
    const { version = 0, ...fields }: { version?: unknown } = record
    const isVersion = typeof version === 'number' && Number.isInteger(version) && version >= 0
    return isVersion && version <= highestVersion ? { ...fields, version } : undefined
  } catch {
    return undefined
  }
}
