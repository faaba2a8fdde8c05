import { setTimeout as delay } from 'node:timers/promises'
import { fileStore } from '../../src/stores/file.js'
import { serve, tell } from './child-serve.js'

const commands = {
  /** Saves records of very different lengths, with the versions from `first` to `last`, and tells of the first one. */
  async save({ folder, appID, first, last }: Saves): Promise<void> {
    const storage = fileStore(folder).account(appID)
    for (let version = first; version <= last; version += 1) {
      const length = (version * 977) % 9000
      await storage.save('access_token', { version, length, filler: 'x'.repeat(length) })
      if (version === first) tell('saved', version)
    }
  },

  /** Watches, has nothing else to do, and ends unless the watch keeps it alive. */
  watchAlone({ folder, appID }: { folder: string; appID: string }): void {
    fileStore(folder)
      .account(appID)
      .watch?.('access_token', () => undefined)
    process.removeAllListeners('disconnect')
    // After the answer has been sent.
    void delay(0).then(() => process.disconnect())
  },
}

export interface Saves {
  readonly folder: string
  readonly appID: string
  readonly first: number
  readonly last: number
}

export type StoreCommands = typeof commands

serve(commands)
