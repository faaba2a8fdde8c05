import { StoredClientsError } from './access/stored-clients.js'
import { ConfigError, loadConfig } from './config.js'
import { listen } from './http/server.js'
import { createHub } from './hub.js'
import { StoreInUseError } from './stores/level.js'

/** sysexits' EX_CONFIG: something in the configuration has to be mended, a restart alone will not help. */
const badConfiguration = 78

/** After the signal to end, what is still in flight then is given up, in ms: within ten seconds, the log's end included. */
const longestEnd = 9_400

/** Loads the configuration, builds the hub, listens, and drains on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  // Whatever is written from here on is for this user alone (P6).
  process.umask(0o077)
  const config = loadConfig()
  const hub = await createHub(config)
  if (hub.firstKey !== undefined) {
    tell('The first client key, with every scope. It is shown only now:', `  ${hub.firstKey}`)
  }
  const server = await listen(hub.handler, config.server)
  if (hub.sandboxUrl !== undefined) tellOfSandbox(hub.sandboxUrl, `http://localhost:${server.port}`)
  hub.log.log.info({ port: server.port, accounts: hub.accounts.all.map(({ name }) => name) }, 'listening')

  let ending = false
  const end = async (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (ending) process.exit(1)
    ending = true
    hub.log.log.info({ signal }, 'finishing what is in flight')
    setTimeout(() => void hub.log.close().finally(() => process.exit(0)), longestEnd)
    await server.drain()
    await hub.close()
    process.exit(0)
  }
  process.on('SIGTERM', (signal) => void end(signal))
  process.on('SIGINT', (signal) => void end(signal))
  process.on('uncaughtException', (error) => {
    hub.log.log.fatal({ err: error }, 'uncaught error; the hub ends')
    hub.log.flush()
    process.exit(1)
  })
}

function tellOfSandbox(sandbox: string, hub: string): void {
  tell(
    'No account is configured: the hub serves the account of its built-in sandbox.',
    `  hub      ${hub}`,
    `  sandbox  ${sandbox}`,
    `  try      curl ${hub}/getAccessToken`,
    `           curl -d '{"message":{"Content":"hi"}}' ${sandbox}sandbox/push`,
    `  page     ${sandbox}sandbox/page`,
    'To serve your own account set WECHAT_APPID, WECHAT_APPSECRET and WECHAT_TOKEN.',
  )
}

/** What only a person at the terminal needs, apart from the log. */
function tell(...lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`)
}

function explain(error: unknown): { text: string; code: number } {
  if (error instanceof ConfigError || error instanceof StoredClientsError) {
    return { text: error.message, code: badConfiguration }
  }
  // Not 78: the other hub may just be ending, and a supervisor may try again.
  if (error instanceof StoreInUseError) return { text: error.message, code: 1 }
  const { code, port } = Object(error)
  if (code === 'EADDRINUSE')
    return { text: `port ${port} is in use: set PORT or WECHAT_SANDBOX_PORT to another`, code: 1 }
  if (code === 'EACCES') return { text: `port ${port} needs more rights: set PORT to one from 1024 on`, code: 1 }
  return { text: error instanceof Error ? String(error.stack) : String(error), code: 1 }
}

main().catch((error: unknown) => {
  const { text, code } = explain(error)
  tell(`wechat-hub cannot start. ${text}`)
  process.exit(code)
})
