import { createHash } from 'node:crypto'
import type { Job } from './job.js'

/** What the keys of an account's jobs begin with. */
export function prefixOf(appID: string): string {
  return `outbox/${appID}/`
}

/** Under which a job that is due at `due`, in ms since the epoch, is stored: those of a lane in the order of their dates. */
export function jobKey(job: Job, due: number): string {
  return `${prefixOf(job.appID)}${laneOf(job)}/${String(Math.ceil(due)).padStart(15, '0')}/${job.id}`
}

/** The name of the lane for a job's receiver: the jobs of an account that wait for each other. */
export function laneOf({ kind, to }: Job): string {
  const receiver = kind === 'reply' ? 'users' : createHash('sha256').update(to).digest('base64url').slice(0, 16)
  return `${kind}:${receiver}`
}

/** What a job's key says. `behind`: comes after the keys of its lane, and before those of the next one. */
export function partsOf(key: string): { lane: string; id: string; behind: string } {
  const [kind, appID, lane = '', , id = ''] = key.split('/')
  // In ASCII 0 comes after the slash.
  return { lane, id, behind: `${kind}/${appID}/${lane}0` }
}
