import type { CredentialStore } from '../stores/store.js'
import type { VersionedRecord } from '../wechat/storage.js'
import { ticketTypes } from '../wechat/ticket-endpoint.js'

/** The account's token, its tickets, and the count of its fetches. */
const names = ['access_token', ...ticketTypes.map((type) => `${type}_ticket`), 'fetches']

export interface CopiedCredentials {
  copied: number
  /** There were as new ones, or newer ones, at the target. */
  there: number
  /** They could not be understood: the hub would have set them aside. */
  broken: number
}

/** Copies an account's credentials, as they are: WeChat is asked nothing. */
export async function copyCredentials(
  from: CredentialStore,
  to: CredentialStore,
  appID: string,
): Promise<CopiedCredentials> {
  const [source, target] = [from.account(appID), to.account(appID)]
  const count = { copied: 0, there: 0, broken: 0 }
  for (const name of names) {
    const raw = await source.read(name)
    if (raw === undefined) continue
    const record = recordIn(raw)
    if (record === undefined) count.broken += 1
    else if ((await target.save(name, record)) === false) count.there += 1
    else count.copied += 1
  }
  return count
}

function recordIn(raw: unknown): VersionedRecord | undefined {
  try {
    const record: unknown = JSON.parse(String(raw))
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return undefined
    const { version = 0, ...fields }: { version?: unknown } = record
    return Number.isSafeInteger(version) ? { ...fields, version: Number(version) } : undefined
  } catch {
    return undefined
  }
}
