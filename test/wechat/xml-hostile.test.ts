import { describe, expect, it } from 'vitest'
import { readXml } from '../../src/wechat/xml.js'
import { benignXml, hostileXml, strangeXml } from '../support/hostile-texts.js'

const longest = 256 * 1024
const lengths = [1000, 10_000, longest / 4, longest]

describe('what is no XML, or more than a push holds', () => {
  it.each(Object.entries(hostileXml))('is refused: %s', (_what, make) => {
    for (const length of lengths) expect(readXml(make(length)), `${length}`).toBe(undefined)
  })

  it('is refused: 100,000 levels', () => {
    expect(readXml('<a>'.repeat(80_000))).toBe(undefined)
    expect(readXml('<a>'.repeat(100_000))).toBe(undefined)
    expect(readXml(`${'<a>'.repeat(100_000)}1${'</a>'.repeat(100_000)}`)).toBe(undefined)
  })

  it('is refused: 100,000 siblings', () => {
    expect(readXml(`<xml>${'<a/>'.repeat(60_000)}</xml>`)).toBe(undefined)
    expect(readXml(`<xml>${'<a>1</a>'.repeat(100_000)}</xml>`)).toBe(undefined)
  })
})

describe('what is XML, but not as WeChat writes it', () => {
  it.each(Object.entries(strangeXml))('is read: %s', (_what, make) => {
    for (const length of lengths) expect(Object.keys(readXml(make(length)) ?? {}), `${length}`).not.toEqual([])
  })
})

describe('the time for 256 Ki characters', () => {
  // Were it to grow with the square of the length, it would be 10,000 times that of a benign text and more.
  it.each(Object.entries({ ...hostileXml, ...strangeXml }))(
    'is of the order of that for a push as long: %s',
    (_what, make) => {
      const hostile = make(longest)
      expect(timeOf(hostile)).toBeLessThan(200 * Math.max(timeOf(benign), 1))
    },
  )

  const benign = benignXml(longest)

  /** In ms of this process's own computing; the least of three. */
  function timeOf(text: string): number {
    const times = [1, 2, 3].map(() => {
      const start = process.cpuUsage()
      readXml(text)
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1000
    })
    return Math.min(...times)
  }
})
