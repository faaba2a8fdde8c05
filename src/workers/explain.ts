import { StoredClientsError } from '../access/stored-clients.js'
import { ConfigError } from '../config.js'
import { StoreInUseError } from '../stores/level.js'
import { StoreError } from '../stores/store.js'
import { badConfiguration } from './exit-codes.js'

/** Why a hub cannot start, for the one who starts it, and its exit code. */
export function explain(error: unknown): { text: string; code: number } {
  if (error instanceof ConfigError || error instanceof StoredClientsError) {
    return { text: error.message, code: badConfiguration }
  }
  // Not 78: the other hub may just be ending, and a supervisor may try again.
  if (error instanceof StoreInUseError) return { text: error.message, code: 1 }
  if (error instanceof StoreError) {
    const remedy = error.code === 'STORE_AWAY' ? '. Start it, or correct REDIS_URL and REDIS_PASSWORD' : ''
    return { text: `${error.message}${remedy}`, code: 1 }
  }
  const { code, port } = Object(error)
  if (code === 'EADDRINUSE')
    return { text: `port ${port} is in use: set PORT or WECHAT_SANDBOX_PORT to another`, code: 1 }
  if (code === 'EACCES') return { text: `port ${port} needs more rights: set PORT to one from 1024 on`, code: 1 }
  return { text: error instanceof Error ? String(error.stack) : String(error), code: 1 }
}
