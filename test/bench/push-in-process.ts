import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import type { Handler } from './programs/handle-push.js'
import { inTurns } from './rounds.js'

const rounds = 15
const warmUps = 5

/** From the body of a safe-mode push to that of the text reply: all that is neither HTTP nor memory of what was handled. */
export function pushInProcess(build: Build): Promise<Figure[]> {
  return withChildren(async (started) => {
    const costOf = (handler: Handler) => {
      const child = started(new Child({ file: build.program('handle-push'), talks: true }))
      return () => child.ask<number>(handler)
    }
    const [ours, theirs, crypto] = [costOf('ours'), costOf('theirs'), costOf('crypto')]
    const beside = await inTurns({ rounds, warmUps, measure: ours, compare: theirs })
    const within = await inTurns({ rounds, warmUps, measure: crypto, compare: ours })
    return [
      figure({
        name: 'safe-mode push in process',
        unit: 'pushes/s',
        yardstick: 'co-wechat',
        rounds: beside.map(({ measured, compared }) => ({ measured: 1e6 / measured, compared: 1e6 / compared })),
        target: { of: 'ratio', atLeast: 3 },
      }),
      figure({ name: 'node:crypto alone in that', unit: 'µs/push', yardstick: 'all of it', rounds: within }),
    ]
  })
}
