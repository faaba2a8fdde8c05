import { expect, it } from 'vitest'
import { Tally } from '../../src/http/tally.js'
import { MovableClock } from '../support/movable-clock.js'

it('lets each name have so many in a minute, which begins with the first', async () => {
  const clock = new MovableClock()
  const tally = new Tally({ perMinute: 2, clock })
  tally.count('a')
  await clock.advance(20_500)
  expect(tally.wait('a')).toBeUndefined()
  tally.count('a')
  expect([tally.wait('a'), tally.wait('b')]).toEqual([40, undefined])
  await clock.advance(39_499)
  expect(tally.wait('a')).toBe(1)
  await clock.advance(1)
  expect(tally.wait('a')).toBeUndefined()
  tally.count('a')
  expect(tally.wait('a')).toBeUndefined()
})

it('does not forget who goes on, however many others come', () => {
  const tally = new Tally({ perMinute: 50, clock: new MovableClock() })
  for (let index = 0; index < 50_000; index += 1) {
    tally.count(`other ${index}`)
    if (index % 1000 === 0) tally.count('a')
  }
  expect([tally.wait('a'), tally.wait('other 1')]).toEqual([60, undefined])
})
