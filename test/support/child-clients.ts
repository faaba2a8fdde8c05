import { ClientEditor } from '../../src/access/client-editor.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import { serve, settings, tell } from './child-serve.js'

const { dataDir } = settings<{ dataDir: string }>()
const editor = new ClientEditor({ text: fileText(clientsFile(dataDir)) })

const commands = {
  /** Adds so many clients, one after the other. */
  async add({ names }: { names: readonly string[] }): Promise<void> {
    for (const name of names) await editor.add({ name, accounts: ['*'], scopes: ['token'] })
  },

  /** Adds, gives a second key to and finishes clients until it is killed; tells of each that was added. */
  addForever(prefix: string): void {
    void (async () => {
      for (let number = 0; ; number += 1) {
        const name = `${prefix}-${number}`
        await editor.add({ name, accounts: ['*'], scopes: ['token'] })
        tell('added', name)
        await editor.rotate(name)
        await editor.finish(name)
      }
    })()
  },
}

export type ClientCommands = typeof commands

serve(commands)
