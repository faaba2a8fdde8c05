import cluster, { type Worker } from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Beside this file, whether it has been built or not. */
const program = fileURLToPath(new URL(`./worker${extname(import.meta.url)}`, import.meta.url))

/** Starts the process of a worker: `ps` shows its number. All workers that listen on a port have the same one. */
export function fork(number: number): Worker {
  cluster.setupPrimary({ exec: program, args: [String(number)] })
  const worker = cluster.fork()
  closeWhatItLeaves(worker)
  return worker
}

/**
 * node:cluster hands a worker one connection at a time, and closes its own end when the worker says that it has it. The one
 * that a worker is handed when it dies it forgets (round_robin_handle.js of Node 20): its client would wait for ever.
 */
function closeWhatItLeaves({ process: child }: Worker): void {
  const { send } = child
  let handed: unknown
  const noting = (...args: readonly unknown[]) => {
    handed = args[1] ?? handed
    return Reflect.apply(send, child, args)
  }
  Object.defineProperty(child, 'send', { value: noting })
  child.once('exit', () => close(handed))
}

/** To close one that is closed does nothing. */
function close(handle: unknown): void {
  if (typeof handle !== 'object' || handle === null) return
  if ('close' in handle && typeof handle.close === 'function') handle.close()
}
