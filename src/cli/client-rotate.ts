import type { Command } from 'commander'
import { ClientEditError, ClientEditor } from '../access/client-editor.js'
import { auditChange } from './client-audit.js'
import { withClientsText } from './clients-text.js'
import { CommandError } from './failure.js'
import { hubConfig } from './hub-settings.js'
import { asCannotChange, type ClientSources } from './known-clients.js'
import type { Terminal } from './terminal.js'

const steps = `
1. wechat-hub client rotate crm            prints a second key; both work
2. give the new key to the back end
3. wechat-hub client rotate crm --finish   ends the older key

If the new key was lost on the way:
   wechat-hub client rotate crm --undo     ends it; the older one goes on to work`

interface Options {
  readonly finish?: boolean
  readonly undo?: boolean
}

export function clientRotate(parent: Command, terminal: Terminal): void {
  parent
    .command('rotate')
    .description('give a client a second key, or end one of its two')
    .argument('<name>')
    .option('--finish', 'keep only the newest key')
    .addOption(parent.createOption('--undo', 'drop the newest key, and keep the older one').conflicts('finish'))
    .addHelpText('after', steps)
    .action((name: string, options: Options) => rotate(name, options, terminal))
}

async function rotate(name: string, { finish, undo }: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  await withClientsText(config, terminal, async (text) => {
    const editor = new ClientEditor({ text })
    const rotated = { name, config, text, terminal }
    try {
      if (finish) await tellOfEnd(await editor.finish(name), { ended: 'older', ...rotated })
      else if (undo) await tellOfEnd(await editor.undo(name), { ended: 'newer', ...rotated })
      else await show(await editor.rotate(name), rotated)
    } catch (error) {
      if (error instanceof ClientEditError && error.code === 'two-keys') throw new CommandError(unfinished(error, name))
      throw asCannotChange(error, name, rotated)
    }
  })
}

interface Rotated extends ClientSources {
  readonly name: string
  readonly terminal: Terminal
}

async function show(key: string, { name, config, text, terminal }: Rotated): Promise<void> {
  terminal.reveal(key)
  terminal.tell(
    `The second key of the client "${name}". It is shown only now: only its hash is kept, in`,
    `  ${text.where}`,
    'The older one goes on to work until',
    `  wechat-hub client rotate ${name} --finish`,
  )
  await auditChange(config, { client: name, change: 'rotated' }, terminal)
}

async function tellOfEnd(
  done: boolean,
  { name, ended, config, text, terminal }: Rotated & { readonly ended: 'older' | 'newer' },
): Promise<void> {
  if (!done) {
    terminal.tell(`The client "${name}" has only one key.`)
    return
  }
  terminal.tell(
    `The ${ended} key of the client "${name}" is dead; a running hub refuses it within a second. Changed:`,
    `  ${text.where}`,
  )
  await auditChange(config, { client: name, change: ended === 'older' ? 'finished' : 'undone' }, terminal)
}

function unfinished({ message }: Error, name: string): string {
  const rotate = `wechat-hub client rotate ${name}`
  return (
    `${message}. Once its back end uses the newer one, "${rotate} --finish" ends the older one; ` +
    `if the newer one was lost, "${rotate} --undo" ends that`
  )
}
