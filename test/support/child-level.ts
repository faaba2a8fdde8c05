import { setTimeout as delay } from 'node:timers/promises'
import { openLevel } from '../../src/stores/level.js'
import type { KeyValueStore, StoreError } from '../../src/stores/store.js'
import { systemClock } from '../../src/wechat/clock.js'
import { serve, tell } from './child-serve.js'

let store: KeyValueStore | undefined
const events: string[] = []

const commands = {
  /** Answers what became of the store. */
  async open(folder: string): Promise<string[]> {
    store = await openLevel(folder, { clock: systemClock, onEvent: ({ type }) => events.push(type) })
    return events
  },

  close: () => store?.close(),

  write: ({ key, value }: { key: string; value: string }) => store?.write([{ put: { key, value } }]),

  get: (key: string) => store?.get(key),

  /** What became of the store by now. */
  events: () => events,

  /** Writes two records in one step, some at once, whatever fails, until so many are written. Answers which, and which were refused. */
  async writePairs(enough: number): Promise<{ written: number[]; refused: Record<string, string> }> {
    const written: number[] = []
    const refused: Record<string, string> = {}
    const write = async (number: number) => {
      try {
        await writePair(number)
        written.push(number)
      } catch (error) {
        refused[number] = (error as StoreError).code
      }
    }
    for (let number = 0; written.length < enough; number += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, next) => write(number + next)))
      await delay(0)
    }
    return { written, refused }
  },

  /** Writes batches for good, some at once, and tells the number of each that is done. */
  writeForever(round: number): void {
    for (let writer = 0; writer < 4; writer += 1) void writeForever(`${round}/${writer}`)
  },

  /** Opens it, has nothing else to do, and ends unless the store keeps it alive. */
  async openAlone(folder: string): Promise<void> {
    await commands.open(folder)
    process.removeAllListeners('disconnect')
    // After the answer has been sent.
    void delay(0).then(() => process.disconnect())
  },
}

async function writePair(number: number): Promise<void> {
  const value = `${number} `.repeat(60)
  await store?.write([{ put: { key: `one/${number}`, value } }, { put: { key: `two/${number}`, value } }])
}

/** Three records in each batch, of very different lengths; each has the number of the batch. One of them it writes over. */
async function writeForever(writer: string): Promise<never> {
  for (let batch = 1; ; batch += 1) {
    const value = `${batch} ${'x'.repeat((batch * 977) % 20_000)}`
    await store?.write([
      { put: { key: `${writer}/one/${batch}`, value } },
      { put: { key: `${writer}/two/${batch}`, value } },
      { put: { key: `${writer}/last`, value } },
    ])
    tell('written', { writer, batch })
  }
}

export type LevelCommands = typeof commands

serve(commands)
