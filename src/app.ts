import { loadConfig } from './config.js'
import { tellFailure } from './workers/tell.js'

/** Loads the configuration, and runs the hub in this process, or starts workers that do. */
async function main(): Promise<void> {
  // Whatever is written from here on is for this user alone (P6).
  process.umask(0o077)
  const config = loadConfig()
  // Each is loaded where it is used: what supervises has no use for a hub, nor a single hub for workers.
  if (config.server.workers === 1) {
    const { runHub } = await import('./workers/run-hub.js')
    await runHub(config)
  } else {
    const { supervise } = await import('./workers/supervise.js')
    supervise(config)
  }
}

main().catch(async (error: unknown) => {
  const { explain } = await import('./workers/explain.js')
  const { text, code } = explain(error)
  tellFailure(text)
  process.exit(code)
})
