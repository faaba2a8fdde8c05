import { expect, it } from 'vitest'
import { RestartPause } from '../../src/workers/restart-pause.js'
import { MovableClock } from '../support/movable-clock.js'

/** The pauses of a worker that lives so long, in ms, each time. */
async function pauses(lives: readonly number[], random: number): Promise<number[]> {
  const clock = new MovableClock()
  const pause = new RestartPause(clock, () => random)
  const found: number[] = []
  for (const life of lives) {
    pause.started()
    await clock.advance(life)
    found.push(pause.died())
  }
  return found
}

const atOnce = [0, 0, 0, 0, 0, 0, 0, 0]

it('is nothing the first time, and then twice as long each time, to half a minute', async () => {
  expect(await pauses(atOnce, 0)).toEqual([0, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  expect(await pauses(atOnce, 0.999_999)).toEqual([0, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
})

it('begins anew after a minute of life, and no sooner', async () => {
  expect(await pauses([0, 0, 59_999, 60_000, 0], 0)).toEqual([0, 1000, 2000, 0, 1000])
})
