import { Api } from '../../src/wechat/api.js'
import { serve, settings } from './child-serve.js'

/** What the program is started with. */
export interface CallSettings {
  readonly apiDomain: string
}

/** A call, and the step of its deadline at which that is over. */
export interface CallOrder {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly over?: 'left' | 'leaving'
}

const api = new Api(settings<CallSettings>())

const commands = {
  /** Answers the steps of the deadline, and what went wrong. */
  async call({ path, query, over }: CallOrder): Promise<{ told: string[]; failure: string | null }> {
    const told: string[] = []
    const tell = (step: string) => {
      told.push(step)
      if (step === over) throw new Error(`over: ${step}`)
    }
    const deadline = {
      left: () => {
        tell('left')
        return 5000
      },
      leaving: () => tell('leaving'),
      departed: () => tell('departed'),
    }
    const failure = await api.call(path, { query, deadline }).then(
      () => null,
      (error: unknown) => String(error),
    )
    return { told, failure }
  },
}

export type CallCommands = typeof commands

serve(commands)
