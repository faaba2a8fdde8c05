import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { Config } from '../config.js'
import { adopt, deathOf, lifeLeft } from '../move/left/adopt.js'
import { type Field, findLeft, type Left, type LeftRedis, readLeft } from '../move/left/find.js'
import { isSdkName, type KeyEndings, sdks } from '../move/left/sdks.js'
import { MoveError } from '../move/move-error.js'
import { redisAddress } from '../move/redis-place.js'
import { connect } from '../stores/redis/connect.js'
import { whereIs } from '../stores/redis/url.js'
import { Api } from '../wechat/api.js'
import { systemClock } from '../wechat/clock.js'
import { isTokenDead, WechatError } from '../wechat/errors.js'
import { isCredential } from '../wechat/record.js'
import type { Storage } from '../wechat/storage.js'
import { CommandError } from './failure.js'
import { chosenAccounts, hubConfig, type NamedAccount } from './hub-settings.js'
import { withHubStores } from './hub-stores.js'
import { type Terminal, table } from './terminal.js'

/** How long the first connection may take, in ms. */
const patience = 10_000

const notes = `
Run it when the other program has stopped: else that goes on to fetch, and ends the token. WeChat is asked whether it takes the
token; nothing is fetched. It works beside a running hub, and whether its state is in Redis or in files. A password of the other
Redis stands in the URL; without one there REDIS_PASSWORD is tried.

Examples:
  wechat-hub import --from redis://10.0.0.7:6379/1 --account shop --sdk wxjava
  wechat-hub import --from redis://10.0.0.7:6379 --account shop --sdk easywechat --key app:wechat:token
  wechat-hub import --account shop --token-stdin --expires-in 5400 < token.txt`

interface Options {
  readonly account: string
  readonly from?: string
  readonly sdk?: string
  readonly key?: string
  readonly tokenStdin?: boolean
  readonly expiresIn?: string
  readonly unverified?: boolean
  readonly replace?: boolean
}

export function importToken(parent: Command, terminal: Terminal): void {
  parent
    .command('import')
    .description('take over the living token that another program holds, so that nothing is fetched')
    .requiredOption('--account <account>', 'its name or appID')
    .option('--from <url>', "the URL of the other program's Redis")
    .option('--sdk <name>', `whose keys to look for: ${Object.keys(sdks).join(', ')}`)
    .option('--key <key>', 'the key of the token, where it is not found')
    .option('--token-stdin', 'read the token from stdin instead')
    .option('--expires-in <seconds>', 'how long that lives')
    .option('--unverified', 'do not ask WeChat whether it takes the token')
    .option('--replace', 'even if the hub has a living token')
    .addHelpText('after', notes)
    .action((options: Options) => run(options, terminal))
}

type Credential = keyof KeyEndings
const credentials = ['access_token', 'jsapi_ticket', 'wx_card_ticket'] as const

/** What the other program has of an account. */
type Leftovers = ReadonlyMap<Credential, Left>

async function run(options: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const [account] = chosenAccounts(config, options.account)
  if (account === undefined) return
  const left = options.tokenStdin ? await fromStdin(options) : await fromRedis(options, account, config, terminal)
  for (const { value } of left.values()) terminal.secrets.keep(value)
  const taken = await withHubStores(config, terminal, ({ credentials: store }) =>
    take(left, { account, config, options, terminal, storage: store.account(account.appID) }),
  )
  terminal.print(table(taken))
}

async function fromStdin({ expiresIn, from, sdk, key }: Options): Promise<Leftovers> {
  if (from !== undefined || sdk !== undefined || key !== undefined) {
    throw new CommandError('--token-stdin takes the token from stdin: leave --from, --sdk and --key out')
  }
  if (!/^\d{1,6}$/.test(expiresIn ?? '')) {
    throw new CommandError('with --token-stdin give --expires-in: how many seconds the token lives')
  }
  const value = (await readAll(process.stdin)).trim()
  if (!isCredential(value)) throw new CommandError('what stdin gave is no token of WeChat')
  return new Map([['access_token', { key: 'stdin', value, endsIn: Number(expiresIn) * 1000 }]])
}

async function fromRedis(
  { from, sdk, key, expiresIn }: Options,
  account: NamedAccount,
  { redis }: Config,
  terminal: Terminal,
): Promise<Leftovers> {
  if (from === undefined) throw new CommandError('give --from, the Redis of the other program, or --token-stdin')
  if (expiresIn !== undefined)
    throw new CommandError('--expires-in goes with --token-stdin: Redis tells how long a token lives')
  if (sdk === undefined ? key === undefined : !isSdkName(sdk)) {
    throw new CommandError(`--sdk is one of ${Object.keys(sdks).join(', ')}; for another one name the token's --key`)
  }
  const address = redisAddress(from)
  const password = address.password ?? redis.password
  if (password !== undefined) terminal.secrets.keep(password)
  const where = whereIs(address)
  const driver = await connect({ ...address, password, sentinelPassword: redis.sentinelPassword }, patience).catch(
    (error: unknown) => {
      throw new CommandError(`${where} cannot be used: ${error instanceof Error ? error.message : 'no answer'}`)
    },
  )
  try {
    const leftRedis: LeftRedis = {
      isCluster: address.kind === 'cluster',
      send: (node, args) => driver.send(`{${node}}`, args),
      sendTo: (one, args) => driver.send(one, args),
    }
    const endings = sdk !== undefined && isSdkName(sdk) ? sdks[sdk](account) : undefined
    const found = await findAll(leftRedis, endings, key)
    if (found.has('access_token')) return found
    const looked = key ?? `…${endings?.access_token.join(', …')}`
    throw new CommandError(
      `there is no token in ${where} under ${looked}. If the program keeps it elsewhere, name its --key`,
    )
  } finally {
    await driver.close()
  }
}

async function findAll(redis: LeftRedis, endings: KeyEndings | undefined, key: string | undefined): Promise<Leftovers> {
  const found = new Map<Credential, Left>()
  for (const name of credentials) {
    const isNamed = name === 'access_token' && key !== undefined
    const left = isNamed
      ? await readLeft(redis, key, fieldOf(name))
      : await findLeft(redis, endings?.[name] ?? [], fieldOf(name))
    if (left !== undefined) found.set(name, left)
  }
  return found
}

function fieldOf(name: Credential): Field {
  return name === 'access_token' ? 'access_token' : 'ticket'
}

interface Taking {
  readonly account: NamedAccount
  readonly config: Config
  readonly options: Options
  readonly terminal: Terminal
  readonly storage: Storage
}

/** A row for each credential: what became of it. */
async function take(left: Leftovers, taking: Taking): Promise<string[][]> {
  const rows: string[][] = []
  for (const [name, one] of left) {
    try {
      rows.push([name, await takeOne(name, one, taking)])
    } catch (error) {
      const isTold = error instanceof MoveError
      if (!isTold) throw error
      const told = `the ${name} (${one.key}): ${error.message}`
      if (name === 'access_token') throw new CommandError(told)
      taking.terminal.tell(told)
    }
  }
  return rows
}

async function takeOne(name: Credential, { value, endsIn }: Left, taking: Taking): Promise<string> {
  const { account, config, options, storage } = taking
  const now = systemClock.now()
  const usable = config.wechat.expiryMargin * 1000
  const adopted = { name, field: fieldOf(name), value, expiresAt: deathOf(endsIn, usable, now) }
  const has = await lifeLeft(storage, adopted, now)
  if (has > usable && !options.replace) {
    throw new MoveError(
      `the hub has a living one for ${account.name} (${Math.floor(has / 1000)} s left): nothing is taken over. ` +
        'If that is not the one that WeChat takes, add --replace',
    )
  }
  if (name === 'access_token' && !options.unverified) await verify(value, config, taking.terminal)
  const least = options.replace ? Number.POSITIVE_INFINITY : usable
  if (!(await adopt(storage, adopted, { least, now }))) throw new MoveError('the hub has just stored a newer one')
  return `taken over, ${Math.floor((adopted.expiresAt - now) / 1000)} s left`
}

/** @throws {MoveError} when WeChat does not take the token, or cannot be asked. */
async function verify(token: string, { wechat }: Config, { secrets }: Terminal): Promise<void> {
  const api = new Api({ ...wechat, secrets })
  try {
    // [CBIP] It has no documented limit.
    await api.call('/cgi-bin/getcallbackip', { query: { access_token: token } })
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    throw new MoveError(
      isTokenDead(error)
        ? `WeChat does not take it (${error.errcode}): another program has fetched since. Let the hub fetch the next one`
        : `WeChat cannot be asked whether it takes it: ${error.message}. Mend that, or add --unverified`,
    )
  } finally {
    api.close()
  }
}
