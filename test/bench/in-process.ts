import type { Build } from './build.js'
import { Child } from './child.js'
import { type Figure, figure } from './figure.js'
import type { Round } from './programs/fetch-access-token.js'

/** How many tokens a program that uses `Wechat` itself gets from its memory in a second of CPU time. */
export async function inProcess(build: Build): Promise<Figure> {
  const child = new Child({ file: build.program('fetch-access-token'), talks: true })
  try {
    const rounds = await child.hear<Round[]>()
    return figure({
      name: 'fetchAccessToken in process',
      unit: 'calls/s',
      yardstick: 'plain async function',
      rounds: rounds.map(({ fetchAccessToken, plainFunction }) => ({
        measured: fetchAccessToken,
        compared: plainFunction,
      })),
      target: { of: 'measured', atLeast: 5_000_000 },
    })
  } finally {
    await child.stop()
  }
}
