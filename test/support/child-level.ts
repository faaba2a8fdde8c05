import { setTimeout as delay } from 'node:timers/promises'
import { openLevel } from '../../src/stores/level.js'
import type { KeyValueStore } from '../../src/stores/store.js'
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
