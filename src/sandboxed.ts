import { join } from 'node:path'
import type { AccountConfig, Config } from './config.js'
import type { Clock } from './wechat/clock.js'

/** A configuration whose one account lives at a sandbox of our own. */
export interface Sandboxed {
  readonly config: Config
  /** Where the sandbox listens: on this machine only. */
  readonly url: string
  close(): Promise<void>
}

/** Pages of this machine, at any port: a development server has one of its own. */
const developmentDomains = ['localhost:*', '127.0.0.1:*']

/** Starts the built-in sandbox for a configuration that has no account. It remembers its tokens in the data folder. */
export async function sandboxed(config: Config, clock: Clock): Promise<Sandboxed> {
  // Loaded only here: a hub with an account of its own has no use for it.
  const { Sandbox, sandboxAccount } = await import('./sandbox/sandbox.js')
  const { appID, appSecret, token } = sandboxAccount
  const sandbox = new Sandbox({
    accounts: [{ appID, appSecret, token, callbackUrl: callbackOf(config), jsDomains: developmentDomains }],
    stateFile: join(config.dataDir, 'sandbox.json'),
    now: () => clock.now(),
    after: (ms, work) => clock.after(ms, work),
  })
  const url = await sandbox.listen(config.sandbox.port)
  const account: AccountConfig = {
    type: 'official',
    appID,
    appSecret,
    token: [token],
    encodingAESKey: [],
    endpoint: 'token',
    mode: 'plain',
    dailyTokens: 2000,
    jsDomains: developmentDomains,
    routes: [],
  }
  return {
    config: { ...config, accounts: { default: account }, wechat: { ...config.wechat, apiDomain: url } },
    url,
    close: () => sandbox.close(),
  }
}

/** Where the sandbox finds the hub: on this machine. `undefined` when its port is not known yet, or it listens elsewhere only. */
function callbackOf({ server: { host, port } }: Config): string | undefined {
  const name = host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host
  const here = name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
  if (port === 0 || !here) return undefined
  return `http://${name === '::1' ? '[::1]' : name}:${port}/wx`
}
