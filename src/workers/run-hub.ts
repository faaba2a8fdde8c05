import type { Config } from '../config.js'
import { listen } from '../http/server.js'
import { createHub } from '../hub.js'
import { longestEnd } from './exit-codes.js'
import { tell } from './tell.js'

export interface RunningHub {
  /** Finishes what is in flight, and ends the process, within ten seconds. */
  end(signal: string): void
}

/** Builds the hub, listens, and drains on SIGTERM and SIGINT. Whoever sends two of them does not want to wait. */
export async function runHub(config: Config): Promise<RunningHub> {
  const hub = await createHub(config)
  if (hub.firstKey !== undefined) {
    tell('The first client key, with every scope. It is shown only now:', `  ${hub.firstKey}`)
  }
  const server = await listen(hub.handler, config.server)
  if (hub.sandboxUrl !== undefined) tellOfSandbox(hub.sandboxUrl, `http://localhost:${server.port}`)
  hub.log.log.info({ port: server.port, accounts: hub.accounts.all.map(({ name }) => name) }, 'listening')

  const finish = async () => {
    setTimeout(() => void hub.log.close().finally(() => process.exit(0)), longestEnd)
    await server.drain()
    await hub.close()
    process.exit(0)
  }
  let ending = false
  const end = (signal: string) => {
    if (ending) return
    ending = true
    hub.log.log.info({ signal }, 'finishing what is in flight')
    void finish()
  }
  let signals = 0
  const signalled = (signal: NodeJS.Signals) => {
    signals += 1
    if (signals > 1) process.exit(1)
    end(signal)
  }
  process.on('SIGTERM', signalled)
  process.on('SIGINT', signalled)
  process.on('uncaughtException', (error) => {
    hub.log.log.fatal({ err: error }, 'uncaught error; the hub ends')
    hub.log.flush()
    process.exit(1)
  })
  return { end }
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
