import { loadConfig } from '../config.js'
import { systemClock } from '../wechat/clock.js'
import { explain } from './explain.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { type RunningHub, runHub } from './run-hub.js'
import { becomeWorker } from './this-worker.js'
import { WorkerPeers } from './worker-peers.js'

/** One of several workers, which the primary process starts. Without that one it ends: node:cluster sees to it. */
async function main(number: number): Promise<void> {
  const config = loadConfig()
  const { workers = 1 } = config.server
  const peers = new WorkerPeers({ others: workers - 1, clock: systemClock, send: (message) => send(message) })
  let hub: RunningHub | undefined
  process.on('message', (message: ToWorker) => {
    if (message.type !== 'end') peers.receive(message)
    else if (hub === undefined) process.exit(0)
    else hub.end(message.signal)
  })
  await peers.join()
  becomeWorker({ number, peers })
  hub = await runHub(config)
}

/** `sent`: called when it is sent, or cannot be. */
function send(message: ToPrimary, sent: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, sent)
}

main(Number(process.argv[2])).catch((error: unknown) => {
  const { text, code } = explain(error)
  send({ type: 'cannot-start', text, code }, () => process.exit(code))
})
