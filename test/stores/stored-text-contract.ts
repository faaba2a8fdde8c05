import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoredText } from '../../src/stores/store.js'

/** A place with no text in it. */
export interface EmptyPlace {
  /** The text of this place, as another process has it each time. */
  text(): StoredText
  /** What was set aside. `where`: what `setAside` answered. */
  aside(where: string): Promise<string>
  /** Closes what is open and leaves nothing behind. */
  discard(): Promise<void>
}

/** What every StoredText promises. `open` is called for each test. */
export function describeStoredText(name: string, open: () => Promise<EmptyPlace>): void {
  describe(`a text in ${name}`, () => {
    let place: EmptyPlace
    let text: StoredText
    let other: StoredText

    beforeEach(async () => {
      place = await open()
      text = place.text()
      other = place.text()
    })

    afterEach(() => place.discard())

    /** Stores a text over what is there, and answers its identity. */
    async function put(content: string): Promise<string> {
      expect(await text.write(content, await text.identity())).toBe(true)
      return (await text.identity()) ?? expect.fail('there is none')
    }

    it('is not there at first', async () => {
      expect(await text.read()).toBeUndefined()
      expect(await text.identity()).toBeUndefined()
      expect(text.where).not.toBe('')
      expect(other.where).toBe(text.where)
    })

    it('is made where nothing is, and read by every process', async () => {
      expect(await text.write('one', undefined)).toBe(true)
      const found = await other.read()
      expect(found).toEqual({ text: 'one', identity: await text.identity() })
      expect(await other.identity()).toBe(found?.identity)
    })

    it('is not made where one is, whatever that is', async () => {
      await put('')
      expect(await other.write('two', undefined)).toBe(false)
      expect((await text.read())?.text).toBe('')
    })

    it('is made once, however many begin at once', async () => {
      const writes = Array.from({ length: 20 }, (_, number) => place.text().write(`${number}`, undefined))
      const made = (await Promise.all(writes)).flatMap((written, number) => (written ? [`${number}`] : []))
      expect(made).toEqual([(await text.read())?.text])
    })

    it('is replaced only while it is the one that was read', async () => {
      const first = await put('one')
      expect(await other.write('two', first)).toBe(true)
      expect(await text.write('three', first)).toBe(false)
      expect((await text.read())?.text).toBe('two')
      expect(await text.write('three', await text.identity())).toBe(true)
      expect((await other.read())?.text).toBe('three')
    })

    it('is not replaced if it is gone', async () => {
      const first = await put('one')
      await other.setAside()
      expect(await text.write('two', first)).toBe(false)
      expect(await text.read()).toBeUndefined()
    })

    it('is not replaced where there never was one', async () => {
      expect(await text.write('one', 'the identity of nothing')).toBe(false)
      expect(await text.read()).toBeUndefined()
    })

    it('has another identity after each write, of the same text too', async () => {
      const identities = []
      for (let time = 0; time < 10; time += 1) identities.push(await put('the same'))
      expect(new Set(identities).size).toBe(10)
    })

    it('has the same identity until then', async () => {
      const identity = await put('one')
      for (let time = 0; time < 3; time += 1) {
        expect((await other.read())?.identity).toBe(identity)
        expect(await other.identity()).toBe(identity)
      }
    })

    it.each([
      ['nothing', ''],
      ['line ends', '\n\r\n\r'],
      ['Unicode', '中文 😀 e\u0301 \ufffd \0'],
      ['100 KB', '中x'.repeat(25_000)],
    ])('may hold %s', async (_what, content) => {
      await put(content)
      expect((await other.read())?.text === content).toBe(true)
    })

    it('loses no change of 20 that write at once', async () => {
      await Promise.all(Array.from({ length: 20 }, (_, number) => append(place.text(), number)))
      const { text: numbers = '' } = (await text.read()) ?? {}
      expect(numbers.trim().split(' ').map(Number).sort(byNumber)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    })

    it('is kept when it is set aside, and makes room for a new one', async () => {
      await put('broken')
      const where = await text.setAside()
      expect(await other.read()).toBeUndefined()
      expect(await other.identity()).toBeUndefined()
      expect(await text.write('new', undefined)).toBe(true)
      const next = await other.setAside()
      expect(await place.aside(where)).toBe('broken')
      expect(await place.aside(next)).toBe('new')
    })
  })
}

async function append(text: StoredText, number: number): Promise<void> {
  for (;;) {
    const found = await text.read()
    if (await text.write(`${found?.text ?? ''} ${number}`, found?.identity)) return
  }
}

function byNumber(one: number, other: number): number {
  return one - other
}
