import { ConfigError } from '../config.js'
import { StoreError } from '../stores/store.js'
import { WechatError } from '../wechat/errors.js'

/** sysexits' EX_CONFIG, as the hub itself ends with it. */
const badConfiguration = 78

/** A command cannot do what was asked. The message is a sentence for the one who asked. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** What to print of an error that ends a command, and the exit code. */
export function explain(error: unknown): { text: string; code: number } {
  if (error instanceof ConfigError) return { text: error.message, code: badConfiguration }
  if (error instanceof WechatError) return { text: withHint(error), code: 1 }
  if (error instanceof StoreError && error.code === 'STORE_AWAY') {
    return { text: `${error.message}. Start it, or correct its URL and REDIS_PASSWORD`, code: 1 }
  }
  return { text: error instanceof Error ? error.message : String(error), code: 1 }
}

function withHint({ message, hint }: WechatError): string {
  return hint === undefined ? message : `${message}\n${hint}`
}
