import { expect } from 'vitest'
import { memoryStore, openLevel, type StoreEvent } from '../../src/stores/level.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { describeKeyValueStore } from './key-value-contract.js'

describeKeyValueStore('LevelDB', async (clock) => {
  const folder = temporaryFolder()
  const events: StoreEvent[] = []
  const store = await openLevel(folder, { clock, onEvent: (event) => events.push(event) })
  return {
    store,
    async discard() {
      await store.close()
      removeFolder(folder)
      expect(events).toEqual([])
    },
  }
})

describeKeyValueStore('memory', async (clock) => {
  const events: StoreEvent[] = []
  const store = await memoryStore({ clock, onEvent: (event) => events.push(event) })
  return {
    store,
    async discard() {
      await store.close()
      expect(events).toEqual([])
    },
  }
})
