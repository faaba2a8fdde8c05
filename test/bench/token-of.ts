import { appID } from './programs/account.js'
import type { Server } from './server.js'

/** Where an SDK asks a server for a token with this key. */
export function tokenPath(key: string): string {
  return `/cgi-bin/token?grant_type=client_credential&appid=${appID}&secret=${key}`
}

export async function hubTokenOf(hub: Server, key: string): Promise<string> {
  const { access_token: token }: { access_token?: string } = JSON.parse(await answerOf(hub, key))
  if (token?.startsWith('wht_') !== true) throw new Error('the hub gives no hub token')
  return token
}

export async function answerOf(hub: Server, key: string): Promise<string> {
  return (await fetch(`${hub.url}${tokenPath(key)}`)).text()
}
