import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../config.js'
import { expectFolder, openFolder } from '../move/folder-place.js'
import { move } from '../move/move.js'
import type { Place } from '../move/place.js'
import { isRedisUrl, openRedis, redisAddress } from '../move/redis-place.js'
import { SessionKeys, type SessionKeysEvent } from '../sessions/session-keys.js'
import { systemClock } from '../wechat/clock.js'
import { CommandError } from './failure.js'
import { actAsOwnerOf, hubConfig } from './hub-settings.js'
import { type Terminal, table } from './terminal.js'

const notes = `
All is copied: tokens and tickets, clients, keys of hub tokens, users, sessions, messages that wait, dead letters. WeChat is
asked nothing. Stop the hubs first. What was interrupted is run again; what was done is not done twice. To go back, run it the
other way round. The audit log stays where it is.

A Redis's password is that in the URL, or else REDIS_PASSWORD. The session_keys of mini programs' users are enciphered anew:
for Redis set WECHAT_HUB_SESSION_KEY.

Examples:
  wechat-hub migrate --from data --to redis://10.0.0.5:6379
  wechat-hub migrate --from redis://10.0.0.5:6379 --to data`

interface Options {
  readonly from: string
  readonly to: string
  readonly fromPrefix?: string
  readonly toPrefix?: string
  readonly replace?: boolean
  readonly withoutSessionKeys?: boolean
}

export function migrate(parent: Command, terminal: Terminal): void {
  parent
    .command('migrate')
    .description('copy all that a hub keeps to Redis, or back')
    .requiredOption('--from <place>', 'a data folder, or the URL of a Redis')
    .requiredOption('--to <place>', 'the same')
    .option('--from-prefix <prefix>', 'what keys begin with there; default: as configured')
    .option('--to-prefix <prefix>', 'the same')
    .option('--replace', 'whatever the target has of its own goes')
    .option('--without-session-keys', "copy none: users' data cannot be read until their next login")
    .addHelpText('after', notes)
    .action((options: Options) => run(options, terminal))
}

/** One end, as it was asked for. */
type End = { readonly folder: string } | { readonly url: string; readonly prefix: string }

async function run(options: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const ends = {
    from: endOf(options.from, options.fromPrefix, config, terminal),
    to: endOf(options.to, options.toPrefix, config, terminal),
  }
  if (JSON.stringify(ends.from) === JSON.stringify(ends.to))
    throw new CommandError('--from and --to are the same place')
  if ('folder' in ends.from) expectFolder(ends.from.folder)
  const from = await open(ends.from, config, terminal)
  try {
    const to = await open(ends.to, config, terminal)
    try {
      await copy({ from, to, ends }, options, config, terminal)
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

interface Opened {
  readonly from: Place
  readonly to: Place
  readonly ends: { readonly from: End; readonly to: End }
}

async function copy({ from, to, ends }: Opened, options: Options, config: Config, terminal: Terminal): Promise<void> {
  const source = await sessionKeys(ends.from, config, terminal)
  const target = await sessionKeys(ends.to, config, terminal)
  // Only a hub in the same folder would know a key that is made there.
  const isShared = 'url' in ends.to && config.sessions.key === undefined
  const moved = await move({
    ...{ from, to },
    appIDs: Object.values(config.accounts).map(({ appID }) => appID),
    replace: options.replace === true,
    keys: { from: source, to: isShared ? undefined : target },
    withoutSessionKeys: options.withoutSessionKeys === true,
    tell: (line) => terminal.tell(line),
  })
  await target.idle()
  if (moved === undefined) {
    terminal.print(`All was moved from ${from.where} to ${to.where} before: nothing is left to do.`)
    return
  }
  terminal.print(table([...moved].map(([name, count]) => [name, count])))
  terminal.tell(...nextSteps(ends.to))
}

function nextSteps(to: End): string[] {
  if ('url' in to) return ['Now start the hubs with REDIS_URL set.']
  return [`Now start one hub without REDIS_URL, with WECHAT_HUB_DATA=${to.folder}.`]
}

function endOf(text: string, prefix: string | undefined, config: Config, terminal: Terminal): End {
  if (isRedisUrl(text)) {
    const { password } = redisAddress(text)
    if (password !== undefined) terminal.secrets.keep(password)
    return { url: text, prefix: checkedPrefix(prefix ?? config.redis.prefix) }
  }
  if (text.includes('://')) {
    throw new CommandError('--from and --to take a folder, or a URL that begins with redis:// or rediss://')
  }
  if (prefix !== undefined) throw new CommandError('a folder has no prefix')
  const folder = resolve(text)
  actAsOwnerOf(folder)
  try {
    return { folder: realpathSync(folder) }
  } catch {
    // There is none yet.
    return { folder }
  }
}

function checkedPrefix(prefix: string): string {
  if (/^[^\s{}\p{Cc}]{1,64}$/u.test(prefix)) return prefix
  throw new CommandError('a prefix has 1 to 64 characters without spaces, { and }, such as wechat-hub:')
}

function open(end: End, { redis }: Config, terminal: Terminal): Promise<Place> {
  const tell = (line: string) => terminal.tell(line)
  if ('folder' in end) return openFolder(end.folder, tell)
  // As the hub has it, for its own Redis; any other one may have another password.
  const ofUrl = end.url === redis.url ? undefined : redisAddress(end.url).password
  return openRedis({ ...redis, ...end, password: ofUrl ?? redis.password }, tell)
}

/** Those that the hub there has: in its data folder, and in the configuration. */
function sessionKeys(end: End, { dataDir, sessions }: Config, terminal: Terminal): Promise<SessionKeys> {
  return SessionKeys.open('folder' in end ? end.folder : dataDir, {
    clock: systemClock,
    longestUse: sessions.maxLife * 1000,
    given: sessions.key,
    onEvent: (event) => terminal.tell(inWords(event)),
    learn: (secret) => terminal.secrets.keep(secret),
  })
}

function inWords(event: SessionKeysEvent): string {
  if (event.type === 'session-keys-failed')
    return 'No new key for session_keys could be saved: the present one goes on.'
  return `The keys of session_keys were broken. They are now ${event.where}; user data answers 87009 until the next login.`
}
