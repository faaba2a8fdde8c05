import { Refusal } from '../refusal.js'
import type { World } from '../world.js'

/** @throws Refusal when the sandbox has no such account. */
export function knownAccount(appid: string, { accounts }: World): string {
  if (!accounts.has(appid)) throw new Refusal('"appid": the sandbox has no such account')
  return appid
}
