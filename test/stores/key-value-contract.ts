import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Change, type Entry, type KeyValueStore, StoreError } from '../../src/stores/store.js'
import type { Clock } from '../../src/wechat/clock.js'
import { MovableClock } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'

/** A store with nothing in it. */
export interface Empty {
  readonly store: KeyValueStore
  /** Closes it and leaves nothing behind. */
  discard(): Promise<void>
}

const mebibyte = 1024 * 1024
const seed = newSeed()

/** What every KeyValueStore promises. `open` is called for each test. */
export function describeKeyValueStore(name: string, open: (clock: Clock) => Promise<Empty>): void {
  describe(`the ${name} store`, () => {
    let clock: MovableClock
    let empty: Empty
    let store: KeyValueStore

    beforeEach(async () => {
      clock = new MovableClock()
      empty = await open(clock)
      store = empty.store
    })

    afterEach(() => empty.discard())

    const put = (key: string, value = key, life?: number) =>
      store.write([{ put: life === undefined ? { key, value } : { key, value, expiresAt: clock.now() + life } }])
    const all = () => store.list({ prefix: '', limit: 10_000 })
    const keys = async (range: Parameters<KeyValueStore['list']>[0]) => (await store.list(range)).map(({ key }) => key)

    describe('keeps', () => {
      it('a value until it is replaced or removed', async () => {
        expect(await store.get('a')).toBeUndefined()
        await put('a', 'one')
        expect(await store.get('a')).toBe('one')
        await put('a', 'two')
        expect(await store.get('a')).toBe('two')
        await store.write([{ remove: 'a' }, { remove: 'never there' }])
        expect(await store.get('a')).toBeUndefined()
        expect(await all()).toEqual([])
      })

      it('any Unicode text, each key apart from the others', async () => {
        const texts = [
          '',
          ' ',
          '\0',
          '\0\0',
          ':',
          '0:',
          '12:x',
          'a',
          'a\n',
          'r',
          'x',
          'ra',
          'x9999999999999999a',
          '\x7f',
          '\u00e9',
          'e\u0301',
        ]
        texts.push('中文', '\ufffd', '\uffff', '😀', '\u{10ffff}', '😀:😀', 'a'.repeat(5000), '中'.repeat(5000))
        await store.write(texts.map((key, index) => ({ put: { key, value: `${index}${key}` } })))
        for (const [index, key] of texts.entries()) expect(await store.get(key)).toBe(`${index}${key}`)
        const far = clock.now() + 1000
        await store.write(texts.map((text) => ({ put: { key: text, value: text, expiresAt: far } })))
        const byKey = new Map((await all()).map((entry) => [entry.key, entry]))
        expect(byKey.size).toBe(texts.length)
        for (const key of texts) expect(byKey.get(key)).toEqual({ key, value: key, expiresAt: far })
      })

      it('values of 1 MiB', async () => {
        const values = ['a'.repeat(mebibyte), '中'.repeat(mebibyte / 4)]
        await store.write(values.map((value, index) => ({ put: { key: String(index), value } })))
        const listed = await store.list({ prefix: '', limit: 2 })
        for (const [index, value] of values.entries()) {
          expect((await store.get(String(index))) === value).toBe(true)
          expect(listed[index]?.value === value).toBe(true)
        }
      })

      it('the last of several changes of one key', async () => {
        await store.write([{ put: { key: 'a', value: 'one' } }, { remove: 'a' }, { put: { key: 'a', value: 'two' } }])
        await store.write([{ put: { key: 'b', value: 'one' } }, { remove: 'b' }])
        expect(await all()).toEqual([{ key: 'a', value: 'two' }])
      })
    })

    describe('refuses', () => {
      const changes: [string, Change][] = [
        ['a key with a lone surrogate', { put: { key: '\ud83d', value: '' } }],
        ['to remove a key with a lone surrogate', { remove: 'a\ude00b' }],
        ['a value with a lone surrogate', { put: { key: 'b', value: '\ude00\ud83d' } }],
        ['an end that is no whole number', { put: { key: 'b', value: '', expiresAt: 1.5 } }],
        ['an end that is no number', { put: { key: 'b', value: '', expiresAt: Number.NaN } }],
        ['an end that is beyond all numbers', { put: { key: 'b', value: '', expiresAt: Number.POSITIVE_INFINITY } }],
        ['an end before 1970', { put: { key: 'b', value: '', expiresAt: -1 } }],
      ]

      it.each(changes)('%s, and makes none of the changes', async (_name, wrong) => {
        const right: Change = { put: { key: 'a', value: 'new' } }
        await put('a', 'old')
        await expect(store.write([right, wrong])).rejects.toThrow(TypeError)
        await expect(store.putIfAbsent({ key: 'c', value: '' }, [right, wrong])).rejects.toThrow(TypeError)
        await expect(store.replace('a', 'old', [right, wrong])).rejects.toThrow(TypeError)
        expect(await all()).toEqual([{ key: 'a', value: 'old' }])
      })

      it('keys with a lone surrogate in every question, and limits that are none', async () => {
        await expect(store.get('\ud83d')).rejects.toThrow('"key" must be Unicode text')
        await expect(store.replace('\ud83d', '', [])).rejects.toThrow('"key" must be Unicode text')
        await expect(store.list({ prefix: '\ud83d', limit: 1 })).rejects.toThrow('"prefix" must be Unicode text')
        await expect(store.list({ prefix: '', after: '\ud83d', limit: 1 })).rejects.toThrow('"after" must be Unicode')
        for (const limit of [-1, 0.5, Number.NaN]) {
          await expect(store.list({ prefix: '', limit })).rejects.toThrow('"limit" must be an integer')
        }
      })
    })

    describe('an end', () => {
      it('comes at its very millisecond, for every question', async () => {
        await put('a', 'old', 1000)
        clock.freeze(999)
        expect(await store.get('a')).toBe('old')
        expect(await all()).toEqual([{ key: 'a', value: 'old', expiresAt: clock.now() + 1 }])
        expect(await store.putIfAbsent({ key: 'a', value: 'early' })).toBe('old')
        expect(await store.replace('a', 'old', [])).toBe(true)
        clock.freeze(1)
        expect(await store.get('a')).toBeUndefined()
        expect(await all()).toEqual([])
        expect(await store.replace('a', 'old', [{ put: { key: 'a', value: 'late' } }])).toBe(false)
        expect(await store.putIfAbsent({ key: 'a', value: 'new' })).toBeUndefined()
        expect(await all()).toEqual([{ key: 'a', value: 'new' }])
      })

      it('may lie in the past from the start', async () => {
        expect(await store.putIfAbsent({ key: 'a', value: '', expiresAt: clock.now() })).toBeUndefined()
        expect(await store.get('a')).toBeUndefined()
        expect(await store.putIfAbsent({ key: 'a', value: '', expiresAt: 0 })).toBeUndefined()
      })

      it('is that of the last time the record was put', async () => {
        await put('longer', 'a', 1000)
        await put('longer', 'a', 2000)
        await put('shorter', 'a', 2000)
        await put('shorter', 'a', 1000)
        await put('endless', 'a', 1000)
        await put('endless', 'a')
        clock.freeze(1500)
        expect(await keys({ prefix: '', limit: 10 })).toEqual(['endless', 'longer'])
        clock.freeze(500)
        expect(await keys({ prefix: '', limit: 10 })).toEqual(['endless'])
      })
    })

    describe('putIfAbsent', () => {
      it('stores the record and makes the other changes, once', async () => {
        await put('old')
        const also: Change[] = [{ put: { key: 'job', value: 'do' } }, { remove: 'old' }]
        expect(await store.putIfAbsent({ key: 'a', value: 'one' }, also)).toBeUndefined()
        expect(await all()).toEqual([
          { key: 'a', value: 'one' },
          { key: 'job', value: 'do' },
        ])
        expect(await store.putIfAbsent({ key: 'a', value: 'two' }, [{ remove: 'job' }])).toBe('one')
        expect(await keys({ prefix: '', limit: 10 })).toEqual(['a', 'job'])
      })

      it('takes an empty value for a value', async () => {
        await put('a', '')
        expect(await store.putIfAbsent({ key: 'a', value: 'two' })).toBe('')
        expect(await store.get('a')).toBe('')
      })

      it('lets one of 1,000 callers win, and tells the others who', async () => {
        const callers = Array.from({ length: 1000 }, (_, caller) => String(caller))
        const answers = await Promise.all(
          callers.map((value) => store.putIfAbsent({ key: 'a', value }, [{ put: { key: `won/${value}`, value } }])),
        )
        const winners = callers.filter((_, index) => answers[index] === undefined)
        expect(winners).toHaveLength(1)
        expect(new Set(answers)).toEqual(new Set([undefined, winners[0]]))
        expect(await keys({ prefix: 'won/', limit: 1000 })).toEqual([`won/${winners[0]}`])
      })

      it('never overwrites what a write put while it looked', async () => {
        for (let round = 0; round < 100; round += 1) {
          const key = String(round)
          const calls = [() => store.putIfAbsent({ key, value: 'absent' }), () => put(key, 'written')]
          if (round % 2 === 1) calls.reverse()
          await Promise.all(calls.map((call) => call()))
          expect(await store.get(key)).toBe('written')
        }
      })

      it('never stores what it was told with a record that a write put while it looked', async () => {
        for (let round = 0; round < 100; round += 1) {
          const also: Change = { put: { key: 'shared', value: `also ${round}` } }
          await Promise.all([
            store.putIfAbsent({ key: `own ${round}`, value: '' }, [also]),
            store.write([{ put: { key: 'shared', value: `write ${round}` } }, { put: { key: 'last', value: '' } }]),
          ])
          expect(await store.get('shared')).toBe(`write ${round}`)
        }
      })
    })

    describe('replace', () => {
      it('makes the changes, of whichever keys, only if the value is the expected one', async () => {
        await put('a', 'one')
        const changes: Change[] = [{ put: { key: 'b', value: 'two' } }, { remove: 'a' }]
        expect(await store.replace('a', 'two', changes)).toBe(false)
        expect(await store.replace('b', '', changes)).toBe(false)
        expect(await all()).toEqual([{ key: 'a', value: 'one' }])
        expect(await store.replace('a', 'one', changes)).toBe(true)
        expect(await all()).toEqual([{ key: 'b', value: 'two' }])
      })

      it('loses none of 300 additions by 30 who add at once', async () => {
        await put('count', '0')
        const addTen = async () => {
          for (let added = 0; added < 10; ) {
            const old = String(await store.get('count'))
            if (await store.replace('count', old, [{ put: { key: 'count', value: String(Number(old) + 1) } }]))
              added += 1
          }
        }
        await Promise.all(Array.from({ length: 30 }, addTen))
        expect(await store.get('count')).toBe('300')
      })
    })

    describe('list', () => {
      const sorted = (texts: readonly string[]) =>
        [...texts].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

      it('goes by the bytes of UTF-8, not by the units of UTF-16', async () => {
        const texts = ['😀', '\ufffd', '\u{10ffff}', 'b', 'a', 'a\0', '', '中']
        await store.write(texts.map((key) => ({ put: { key, value: key } })))
        expect(await keys({ prefix: '', limit: 10 })).toEqual(['', 'a', 'a\0', 'b', '中', '\ufffd', '😀', '\u{10ffff}'])
      })

      it('gives what begins with the prefix, and nothing else', async () => {
        for (const key of ['a', 'a/', 'a/1', 'a/\u{10ffff}', 'a/\u{10ffff}z', 'a0', 'b', 'A/1', '/a/1']) await put(key)
        expect(await keys({ prefix: 'a/', limit: 10 })).toEqual(['a/', 'a/1', 'a/\u{10ffff}', 'a/\u{10ffff}z'])
        expect(await keys({ prefix: 'a/\u{10ffff}', limit: 10 })).toEqual(['a/\u{10ffff}', 'a/\u{10ffff}z'])
        expect(await keys({ prefix: 'c', limit: 10 })).toEqual([])
      })

      it('begins behind "after", wherever that lies', async () => {
        for (const key of ['', 'Z1', 'a', 'a/1', 'a/2', 'a/3', 'b/1']) await put(key)
        const behind = (text: string) => keys({ prefix: 'a/', after: text, limit: 10 })
        expect(await behind('a/1')).toEqual(['a/2', 'a/3'])
        expect(await behind('a/10')).toEqual(['a/2', 'a/3'])
        expect(await behind('a/3')).toEqual([])
        expect(await behind('')).toEqual(['a/1', 'a/2', 'a/3'])
        expect(await behind('Z')).toEqual(['a/1', 'a/2', 'a/3'])
        expect(await behind('b')).toEqual([])
        expect(await behind('\u{10ffff}')).toEqual([])
      })

      it('gives as many as asked for, past any number of dead ones', async () => {
        const entries = Array.from({ length: 500 }, (_, index): Entry => {
          const key = String(index).padStart(3, '0')
          return index % 50 === 49 ? { key, value: '' } : { key, value: '', expiresAt: clock.now() + 1 }
        })
        await store.write(entries.map((entry) => ({ put: entry })))
        clock.freeze(1)
        expect(await keys({ prefix: '', limit: 3 })).toEqual(['049', '099', '149'])
        expect(await keys({ prefix: '', after: '149', limit: 100 })).toHaveLength(7)
        expect(await keys({ prefix: '', limit: 0 })).toEqual([])
      })

      it(`gives every record once when it is paged through (seed ${seed})`, async () => {
        const random = seeded(seed)
        const written = new Set(Array.from({ length: 1000 }, () => `p${randomText(random)}`))
        await store.write([...written].map((key) => ({ put: { key, value: key } })))
        const pages: string[] = []
        for (let after = ''; ; ) {
          const page = await keys({ prefix: 'p', after, limit: 1 + Math.floor(random() * 150) })
          if (page.length === 0) break
          pages.push(...page)
          after = String(page.at(-1))
        }
        expect(pages).toEqual(sorted([...written]))
      })
    })

    it(`answers as a plain map does, whatever is asked and whenever (seed ${seed})`, async () => {
      const random = seeded(seed)
      const model = new Map<string, Entry>()
      const pick = (count: number) => Math.floor(random() * count)
      const living = (key: string) => {
        const entry = model.get(key)
        return entry !== undefined && clock.now() < (entry.expiresAt ?? Number.POSITIVE_INFINITY) ? entry : undefined
      }
      const randomEntry = (): Entry => {
        const entry = { key: `k${pick(12)}`, value: `v${pick(3)}` }
        return random() < 0.5 ? entry : { ...entry, expiresAt: clock.now() + pick(100) }
      }
      const randomChange = (): Change => (random() < 0.3 ? { remove: `k${pick(12)}` } : { put: randomEntry() })
      const make = (changes: readonly Change[]) => {
        for (const change of changes) {
          if ('put' in change) model.set(change.put.key, change.put)
          else model.delete(change.remove)
        }
      }
      for (let step = 0; step < 1500; step += 1) {
        const changes = Array.from({ length: pick(4) }, randomChange)
        const entry = randomEntry()
        const there = living(entry.key)?.value
        const action = pick(4)
        if (action === 0) {
          await store.write(changes)
          make(changes)
        } else if (action === 1) {
          expect(await store.putIfAbsent(entry, changes)).toBe(there)
          if (there === undefined) make([{ put: entry }, ...changes])
        } else if (action === 2) {
          expect(await store.replace(entry.key, entry.value, changes)).toBe(there === entry.value)
          if (there === entry.value) make(changes)
        } else expect(await store.get(entry.key)).toBe(there)
        // Now and then through a sweep.
        await clock.advance(random() < 0.01 ? 60_000 : pick(20))
        if (step % 25 !== 0) continue
        const expected = [...model.keys()].sort().flatMap((key) => living(key) ?? [])
        expect(await all()).toEqual(expected)
      }
    })

    describe('close', () => {
      it('lets finish what is under way', async () => {
        const keysWritten = Array.from({ length: 200 }, (_, index) => `k${index % 20}`)
        const calls = keysWritten.map((key) => store.putIfAbsent({ key, value: 'a' }))
        const closed = store.close()
        const answers = await Promise.all(calls)
        await closed
        expect(answers.filter((answer) => answer === undefined)).toHaveLength(20)
      })

      it('may be called again', async () => {
        await Promise.all([store.close(), store.close()])
        await store.close()
      })

      it('has everything refused that is asked after it', async () => {
        const closed = store.close()
        const calls = [
          () => store.get('a'),
          () => put('a'),
          () => store.putIfAbsent({ key: 'a', value: '' }),
          () => store.replace('a', '', []),
          () => all(),
        ]
        for (const call of calls) {
          const error = await call().catch((thrown: unknown) => thrown)
          expect(error).toBeInstanceOf(StoreError)
          expect(error).toMatchObject({ code: 'STORE_CLOSED', message: 'the store has been closed' })
        }
        await closed
      })
    })
  })
}

const alphabet = ['a', 'b', '/', '\0', 'é', '中', '\uffff', '😀', '\u{10ffff}']

function randomText(random: () => number): string {
  const length = Math.floor(random() * 8)
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
}
