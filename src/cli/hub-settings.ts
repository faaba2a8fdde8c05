import { statSync } from 'node:fs'
import { type AccountConfig, type Config, loadConfig } from '../config.js'
import { sandboxAccount } from '../sandbox/built-in-account.js'
import { readRedisUrl } from '../stores/redis/url.js'
import { CommandError } from './failure.js'
import type { Terminal } from './terminal.js'

/** The account that a hub without one serves: that of its sandbox. */
const sandboxed = 'default'

export interface NamedAccount extends AccountConfig {
  readonly name: string
}

/**
 * The configuration of the hub, whose secrets the terminal then knows.
 * @throws ConfigError
 */
export function hubConfig(terminal: Terminal): Config {
  const config = loadConfig()
  for (const { appSecret, token, encodingAESKey, routes } of Object.values(config.accounts)) {
    const ofRoutes = routes.map((route) => (route.format === 'xml' ? route.token : route.secret))
    terminal.secrets.keep(appSecret, ...token, ...encodingAESKey, ...ofRoutes)
  }
  const { key, redis } = config
  const others = [key, redis.password, redis.sentinelPassword, readRedisUrl(redis.url)?.password]
  terminal.secrets.keep(...others.filter((each) => each !== undefined), ...(config.sessions.key ?? []))
  actAsOwnerOf(config.dataDir)
  return config
}

/** The names that a client's accounts may have. */
export function accountNames({ accounts }: Config): string[] {
  const names = Object.keys(accounts)
  return names.length === 0 ? [sandboxed] : names
}

/** The appID of an account; if none is configured, what to put in its place. */
export function appIDOf({ accounts }: Config, name: string | undefined): string {
  const [first] = Object.values(accounts)
  // The variables of the account may be set for the hub alone.
  if (first === undefined) return `the AppID of your account (in the sandbox: ${sandboxAccount.appID})`
  return (accounts[name ?? ''] ?? first).appID
}

/**
 * The accounts that are meant: the one with this name or appID, or all of them.
 * @throws CommandError if there is none.
 */
export function chosenAccounts({ accounts }: Config, nameOrAppID?: string): NamedAccount[] {
  const all = Object.entries(accounts).map(([name, account]) => ({ name, ...account }))
  if (all.length === 0) {
    throw new CommandError(
      'no account is configured. Set WECHAT_APPID, WECHAT_APPSECRET and WECHAT_TOKEN, or describe an account in ' +
        'config/local.json. (The account of the sandbox lives in the hub itself: ask the hub.)',
    )
  }
  const chosen = all.filter(({ name, appID }) => nameOrAppID === undefined || [name, appID].includes(nameOrAppID))
  if (chosen.length > 0) return chosen
  throw new CommandError(`there is no account "${nameOrAppID}" (known: ${all.map(({ name }) => name).join(', ')})`)
}

/** Root's files would be closed to the hub: root becomes whoever owns its folder. */
export function actAsOwnerOf(folder: string): void {
  const owner = statSync(folder, { throwIfNoEntry: false })
  if (process.geteuid?.() !== 0 || owner === undefined || owner.uid === 0) return
  process.setegid?.(owner.gid)
  process.seteuid?.(owner.uid)
}
