import { hashKey, isWellFormed } from '../access/key.js'
import { dotPath, type Fault } from './fault.js'
import { type Entries, entriesOf, get } from './raw.js'
import { routeChecks } from './route-checks.js'
import { appID, configSchema, keyHash, mode, workers } from './schema.js'

/**
 * What no single field shows. Works on the unchecked settings and passes over whatever is not as it should be, so that
 * a fault in one account does not hide one between two others.
 */
export function crossChecks(raw: unknown, production: boolean): Fault[] {
  const accounts = entriesOf(get(raw, 'accounts'))
  const clients = entriesOf(get(raw, 'clients'))
  return [
    ...(production ? noAccount(accounts, get(raw, 'accounts')) : []),
    ...names('accounts', accounts),
    ...names('clients', clients),
    ...accountsApart(accounts),
    ...accounts.flatMap(modeWithoutKey),
    ...accounts.flatMap(([name, settings]) => routeChecks(name, get(settings, 'routes'))),
    ...clients.flatMap(([name, client]) => strangeAccounts(name, client, accounts)),
    ...keysApart(clients, get(raw, 'key')),
    ...hubKey(get(raw, 'key')),
    ...margins(get(raw, 'wechat')),
    ...portsApart(raw, accounts),
    ...sessionKeyForRedis(raw, accounts),
    ...workersApart(raw, accounts),
  ]
}

function noAccount(accounts: Entries, given: unknown): Fault[] {
  // Where `accounts` is not even an object, the schema has said so.
  if (accounts.length > 0 || typeof given !== 'object') return []
  const remedy = 'set WECHAT_APPID, WECHAT_APPSECRET and WECHAT_TOKEN, or describe an account in config/local.json'
  return [{ field: 'accounts', variable: 'WECHAT_APPID', problem: 'no account, in production', remedy }]
}

function names(section: string, entries: Entries): Fault[] {
  return entries.flatMap(([name]) => {
    const field = dotPath([section, name])
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(name)) {
      return [{ field, problem: 'is not a good name', remedy: 'use 1 to 32 letters, digits, "_" and "-"' }]
    }
    if (name in {} || (section === 'clients' && name === 'hub')) {
      return [{ field, problem: 'is a name that the hub uses itself', remedy: 'use another name' }]
    }
    return []
  })
}

function accountsApart(accounts: Entries): Fault[] {
  const owners = new Map<string, string>()
  const faults: Fault[] = []
  for (const [name, settings] of accounts) {
    const id = appID.safeParse(get(settings, 'appID')).data
    if (id === undefined) continue
    const owner = owners.get(id)
    if (owner === undefined) owners.set(id, name)
    else {
      const problem = `is also the AppID of the account ${dotPath([owner])}`
      faults.push({ field: dotPath(['accounts', name, 'appID']), problem, remedy: 'describe each account once' })
    }
  }
  for (const [name] of accounts) {
    const owner = owners.get(name)
    if (owner === undefined || owner === name) continue
    const problem = `is named like the AppID of the account ${dotPath([owner])}`
    faults.push({ field: dotPath(['accounts', name]), problem, remedy: 'use another name' })
  }
  return faults
}

function modeWithoutKey([name, settings]: Entries[number]): Fault[] {
  const chosen = mode.safeParse(get(settings, 'mode')).data
  if (chosen === undefined || chosen === 'plain' || get(settings, 'encodingAESKey') !== undefined) return []
  const problem = 'needs an encodingAESKey, and there is none'
  return [{ field: dotPath(['accounts', name, 'mode']), problem, remedy: 'set encodingAESKey, or mode to plain' }]
}

function strangeAccounts(name: string, client: unknown, accounts: Entries): Fault[] {
  const listed = get(client, 'accounts')
  if (!Array.isArray(listed)) return []
  // Without an account the hub serves the sandbox's, which is named so.
  const known = new Set(accounts.length === 0 ? ['default'] : accounts.map(([account]) => account))
  const remedy = `set names of accounts (${dotList([...known])}), or ["*"] for all`
  return listed.flatMap((account: unknown, index) => {
    if (typeof account !== 'string' || account === '*' || known.has(account)) return []
    return [{ field: dotPath(['clients', name, 'accounts', index]), problem: 'is not an account', remedy }]
  })
}

function dotList(all: readonly string[]): string {
  return all.length === 0 ? 'there are none' : `known: ${all.map((name) => dotPath([name])).join(', ')}`
}

function keysApart(clients: Entries, key: unknown): Fault[] {
  const owners = new Map<string, string>()
  if (typeof key === 'string') owners.set(hashKey(key), 'hub (WECHAT_HUB_KEY)')
  const faults: Fault[] = []
  for (const [name, settings] of clients) {
    for (const hash of new Set(keyHash.safeParse(get(settings, 'keyHash')).data)) {
      const owner = owners.get(hash)
      if (owner === undefined) owners.set(hash, dotPath([name]))
      else {
        const problem = `is also the key of the client ${owner}`
        faults.push({ field: dotPath(['clients', name, 'keyHash']), problem, remedy: 'give each client its own key' })
      }
    }
  }
  return faults
}

function hubKey(key: unknown): Fault[] {
  if (typeof key !== 'string' || isWellFormed(key)) return []
  const problem = 'begins like a key made by wechat-hub, but its checksum is wrong'
  return [{ field: 'key', problem, remedy: 'copy it again, whole, or choose a key that does not begin with whk_' }]
}

function margins(wechat: unknown): Fault[] {
  const { expiryMargin, refreshAhead } = configSchema.shape.wechat.shape
  const margin = expiryMargin.safeParse(get(wechat, 'expiryMargin')).data
  const ahead = refreshAhead.safeParse(get(wechat, 'refreshAhead')).data
  if (margin === undefined || ahead === undefined || ahead === 0 || margin < ahead) return []
  const remedy = 'make it smaller than refreshAhead, or set refreshAhead to 0'
  return [{ field: 'wechat.expiryMargin', problem: 'is not smaller than wechat.refreshAhead', remedy }]
}

/** Without an account the hub starts its sandbox, on a port of its own. */
function portsApart(raw: unknown, accounts: Entries): Fault[] {
  const port = get(get(raw, 'sandbox'), 'port')
  if (accounts.length > 0 || port === 0 || typeof port !== 'number' || port !== get(get(raw, 'server'), 'port'))
    return []
  const remedy = 'set another port; without an account the hub starts its sandbox there'
  return [{ field: 'sandbox.port', problem: 'is also the port of the hub itself', remedy }]
}

/** In Redis a session_key lies beside nothing that opens it, and all hubs have to open it. */
function sessionKeyForRedis(raw: unknown, accounts: Entries): Fault[] {
  const url = get(get(raw, 'redis'), 'url')
  if (typeof url !== 'string' || url === '' || get(get(raw, 'sessions'), 'key') !== undefined) return []
  if (!accounts.some(([, settings]) => get(settings, 'type') === 'miniprogram')) return []
  const remedy = 'set the same 64 random hex digits for all hubs, as `openssl rand -hex 32` gives'
  return [{ field: 'sessions.key', problem: 'is missing: mini programs with Redis need it', remedy }]
}

/** Several processes have only a Redis in common, and each would start a sandbox of its own. */
function workersApart(raw: unknown, accounts: Entries): Fault[] {
  const wanted = workers.safeParse(get(get(raw, 'server'), 'workers')).data
  if (wanted === undefined || wanted === 1) return []
  const field = 'server.workers'
  const faults: Fault[] = []
  if (get(get(raw, 'redis'), 'url') === '') {
    const problem = 'is more than 1, and there is no Redis that the processes could share'
    faults.push({ field, problem, remedy: 'set REDIS_URL, or 1' })
  }
  if (accounts.length === 0) {
    const problem = 'is more than 1, and there is no account: the built-in sandbox serves one process'
    faults.push({ field, problem, remedy: 'set WECHAT_APPID, WECHAT_APPSECRET and WECHAT_TOKEN, or 1' })
  }
  return faults
}
