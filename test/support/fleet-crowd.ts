import { Agent } from 'undici'
import type { Fleet, FleetAccount } from './fleet.js'
import { hubKey } from './running-hub.js'

/** Of one hub. What does not fit waits behind another request on its connection. */
const connections = 300
const pipelining = 20
/** In ms: thousands of callers on a busy machine take their time. */
const patience = 120_000

/** Callers that all ask at once, the same number at each hub that serves. */
export class Crowd {
  readonly #agent = new Agent({ connections, pipelining, headersTimeout: patience, bodyTimeout: patience })

  /** The tokens that so many callers are given, each once. @throws {Error} when one of them is given none. */
  async ask(fleet: Fleet, { name }: FleetAccount, callers: number): Promise<string[]> {
    const hubs = fleet.serving
    const ask = async (caller: number) => {
      const { statusCode, body } = await this.#agent.request({
        origin: hubs[caller % hubs.length]?.url ?? '',
        path: `/v1/${name}/access-token`,
        method: 'GET',
        headers: { authorization: `Bearer ${hubKey}` },
      })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`${statusCode} ${text}`)
      return String(JSON.parse(text).access_token)
    }
    const given = await Promise.all(Array.from({ length: callers }, (_, caller) => ask(caller)))
    return [...new Set(given)]
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}
