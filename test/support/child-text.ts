import { fileText } from '../../src/stores/file-text.js'
import { serve, settings, tell } from './child-serve.js'

const { path } = settings<{ path: string }>()
const text = fileText(path)

/** A text of this number, of a length of its own. */
function numbered(number: number): string {
  return JSON.stringify({ number, filler: 'x'.repeat((number * 977) % 90_000) })
}

const commands = {
  /** Adds 1 to the stored number until it is killed; tells of each that it has stored. */
  countForever(): void {
    void (async () => {
      for (;;) {
        const found = await text.read()
        const number = found === undefined ? 1 : JSON.parse(found.text).number + 1
        if (await text.write(numbered(number), found?.identity)) tell('stored', number)
      }
    })()
  },
}

export type TextCommands = typeof commands

serve(commands)
