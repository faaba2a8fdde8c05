import type { Client } from './client.js'

/** What became of a stored client: `rotated` is one whose keys alone changed. */
export interface ClientChange {
  readonly client: string
  readonly change: 'added' | 'rotated' | 'changed' | 'revoked'
}

/** What has to be told of, from one state of the stored clients to the next. */
export function changesBetween(before: readonly Client[], after: readonly Client[]): ClientChange[] {
  const old = new Map(before.map((client) => [client.name, client]))
  const kept = new Set(after.map(({ name }) => name))
  return [
    ...after.flatMap((client) => {
      const change = changeOf(old.get(client.name), client)
      return change === undefined ? [] : [{ client: client.name, change }]
    }),
    ...before.filter(({ name }) => !kept.has(name)).map(({ name }) => ({ client: name, change: 'revoked' as const })),
  ]
}

function changeOf(before: Client | undefined, after: Client): ClientChange['change'] | undefined {
  if (before === undefined) return 'added'
  if (!isSame(before.accounts, after.accounts) || !isSame(before.scopes, after.scopes)) return 'changed'
  return isSame(before.keyHashes, after.keyHashes) ? undefined : 'rotated'
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
