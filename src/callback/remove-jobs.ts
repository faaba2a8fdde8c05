import type { KeyValueStore } from '../stores/store.js'
import { readMessageText } from '../wechat/push.js'
import type { Job } from './job.js'

const pageSize = 500

/** Removes the jobs whose keys begin with `prefix`, as far as they are meant. Answers how many those were. */
export async function removeJobs(
  store: KeyValueStore,
  prefix: string,
  isMeant: (job: Job) => boolean,
): Promise<number> {
  let removed = 0
  for (let after: string | undefined; ; ) {
    const page = await store.list({ prefix, limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const { key, value } of page) {
      if (isMeant(JSON.parse(value)) && (await store.replace(key, value, [{ remove: key }]))) removed += 1
    }
    after = page.at(-1)?.key
    if (page.length < pageSize) return removed
  }
}

/** Whether a job holds what a user wrote, or what is for the user. */
export function isOfUser({ kind, to, text }: Job, openid: string): boolean {
  return kind === 'reply' ? to === openid : readMessageText(text)?.message.FromUserName === openid
}
