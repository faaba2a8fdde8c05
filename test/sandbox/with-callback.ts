import { createDecipheriv, createHash } from 'node:crypto'
import { XMLParser } from 'fast-xml-parser'
import { test as base } from 'vitest'
import type { SandboxOptions } from '../../src/sandbox/sandbox.js'
import { MovableClock } from '../support/movable-clock.js'
import { Receiver } from './receiver.js'
import { Platform, shop, start } from './with-sandbox.js'

export const token = 'QDG6eK'
export const encodingAESKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
export const openid = 'oia2TjjewbmiOUlr6X'

/** A sandbox whose one account has a token and a callback, and the clock that both run on. */
export class Scene {
  readonly clock: MovableClock
  readonly callback: Receiver
  readonly wx: Platform
  /** Those that were set and not called off. */
  readonly timers: ReadonlySet<() => void>
  readonly #pauses: Pauses

  constructor(parts: {
    clock: MovableClock
    callback: Receiver
    wx: Platform
    pauses: Pauses
    timers: ReadonlySet<() => void>
  }) {
    this.clock = parts.clock
    this.callback = parts.callback
    this.wx = parts.wx
    this.timers = parts.timers
    this.#pauses = parts.pauses
  }

  static async open(account: Partial<SandboxOptions['accounts'][number]> = {}): Promise<Scene> {
    const clock = new MovableClock(start)
    const callback = await Receiver.start()
    const pauses = new Pauses()
    const timers = new Set<() => void>()
    const wx = await Platform.open({
      accounts: [{ ...shop, token, callbackUrl: callback.url, ...account }],
      now: () => clock.now(),
      after(ms, work) {
        const callOff = clock.after(ms, work)
        pauses.begun(ms)
        timers.add(callOff)
        return () => {
          timers.delete(callOff)
          callOff()
        }
      },
    })
    return new Scene({ clock, callback, wx, pauses, timers })
  }

  get sandbox(): Platform['sandbox'] {
    return this.wx.sandbox
  }

  /** Ends when the pause before a retry begins, the one with that number, from 0 on. Tells its length in ms. */
  pause(number: number): Promise<number> {
    return this.#pauses.at(number)
  }

  async close(): Promise<void> {
    await this.wx.sandbox.close()
    await this.callback.close()
  }
}

/** The pauses before retries: every timer that is no time-out of 5 s. */
class Pauses {
  readonly #lengths: number[] = []
  readonly #waiting = new Set<() => void>()

  begun(ms: number): void {
    if (ms === 5000) return
    this.#lengths.push(ms)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async at(number: number): Promise<number> {
    for (;;) {
      const length = this.#lengths[number]
      if (length !== undefined) return length
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }
}

export const test = base.extend<{ scene: Scene }>({
  scene: async ({ task: _task }, use) => {
    const scene = await Scene.open()
    await use(scene)
    await scene.close()
  },
})

/** WeChat's signature, worked out anew: sha1 of the sorted values. */
export function sha1OfSorted(...values: readonly (string | undefined)[]): string {
  return createHash('sha1').update(values.map(String).sort().join('')).digest('hex')
}

/** What is inside an `Encrypt`, worked out anew. */
export function decrypted(encrypt: string): { random: string; message: string; receiveId: string } {
  const key = Buffer.from(encodingAESKey, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(encrypt, 'base64'), decipher.final()])
  const plain = padded.subarray(0, padded.length - (padded.at(-1) ?? 0))
  const end = 20 + plain.readUInt32BE(16)
  return {
    random: plain.toString('hex', 0, 16),
    message: plain.toString('utf8', 20, end),
    receiveId: plain.toString('utf8', end),
  }
}

/** The elements in `<xml>`, by a reader that is not ours. */
export function xmlFields(xml: string): Record<string, unknown> {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false })
  const { xml: fields } = parser.parse(xml.replaceAll('>\n<', '><'))
  return fields
}
