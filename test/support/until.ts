import { setTimeout as delay } from 'node:timers/promises'
import { turn } from './movable-clock.js'

/** What this process itself brings about has come about after so many turns of its event loop. */
const turns = 100
/** Else another process does, which needs the machine meanwhile: how often it is looked for that, in ms. */
const gap = 10
/** In ms of real time: it takes much less, however busy the machine is. */
const patience = 50_000

/** Resolves as soon as it is so. @throws {Error} when it has not come about in 50 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  let looks = 0
  await lookedFor(holds, () => {
    looks += 1
    return looks <= turns ? turn() : delay(gap)
  })
}

/** As `until`, for what others take a while for and it costs something to look: it is looked for every 50 ms. */
export function untilAtLast(holds: () => boolean | Promise<boolean>): Promise<void> {
  return lookedFor(holds, () => delay(50))
}

/** As `until`, for what lasts a moment only: it is looked for without a pause. */
export function untilForAMoment(holds: () => boolean | Promise<boolean>): Promise<void> {
  return lookedFor(holds, turn)
}

async function lookedFor(holds: () => boolean | Promise<boolean>, pause: () => Promise<void>): Promise<void> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > patience) throw new Error(`it has not come about: ${holds}`)
    await pause()
  }
}
