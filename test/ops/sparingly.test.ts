import { expect, it } from 'vitest'
import { Sparingly } from '../../src/ops/sparingly.js'
import { MovableClock } from '../support/movable-clock.js'

it('lets so many of a name through in a minute, and then tells how many there were', async () => {
  const clock = new MovableClock()
  const sparingly = new Sparingly(clock, 2)
  expect([1, 2, 3, 4, 5].map(() => sparingly.pass('a'))).toEqual([0, 0, undefined, undefined, undefined])
  expect(sparingly.pass('b')).toBe(0)
  await clock.advance(59_999)
  expect(sparingly.pass('a')).toBeUndefined()
  await clock.advance(1)
  expect([1, 2, 3].map(() => sparingly.pass('a'))).toEqual([4, 0, undefined])
})
