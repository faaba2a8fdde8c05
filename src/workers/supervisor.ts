import type { Worker } from 'node:cluster'
import type { Logger } from '../ops/log.js'
import type { Clock } from '../wechat/clock.js'
import { badConfiguration } from './exit-codes.js'
import { FigureRelay } from './figure-relay.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { RestartPause } from './restart-pause.js'

/** Workers that have not ended by then are killed, in ms: they give up by themselves a little sooner. */
const longestPatience = 9_800

export interface SupervisorOptions {
  /** How many workers there are. */
  readonly count: number
  /** Starts the process of a worker. */
  readonly fork: (number: number) => Worker
  readonly clock: Clock
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number
  readonly log: Pick<Logger, 'info' | 'error'>
  /** Tells the person who started the hub why it does not run. */
  readonly tellFailure: (text: string) => void
  /** Called once, when no worker is left. */
  readonly ended: (code: number) => void
}

/** The place of a worker, and the process that has it at present. */
interface Place {
  readonly number: number
  readonly pause: RestartPause
  process: Worker | undefined
  /** Whether it listens to messages. */
  joined: boolean
  /** Why it could not start, as it says. */
  failure: string | undefined
  /** Calls off the start of the next one. */
  callOff: () => void
}

/**
 * Keeps a number of workers running. One that dies is replaced, later and later; but if none has ever served, or one finds
 * the configuration unusable (78), all end with its exit code.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #places: readonly Place[]
  readonly #relay: FigureRelay
  /** Whether any worker has ever listened. */
  #served = false
  #endCode: number | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    const { count, clock, random } = options
    this.#places = Array.from({ length: count }, (_, index) => ({
      ...{ number: index + 1, pause: new RestartPause(clock, random) },
      ...{ process: undefined, joined: false, failure: undefined, callOff: () => undefined },
    }))
    this.#relay = new FigureRelay((worker, message) => send(this.#places[worker - 1], message))
  }

  get ending(): boolean {
    return this.#endCode !== undefined
  }

  start(): void {
    for (const place of this.#places) this.#start(place)
  }

  /** Has the workers finish what is in flight: within ten seconds no one is left. */
  end(signal: string): void {
    this.#options.log.info({ signal }, 'the workers finish what is in flight')
    this.#end(0, signal)
  }

  #start(place: Place): void {
    place.pause.started()
    place.joined = false
    place.failure = undefined
    const process = this.#options.fork(place.number)
    place.process = process
    this.#options.log.info(
      { event: 'worker-started', worker: place.number, pid: process.process.pid },
      'a worker starts',
    )
    process.on('message', (message: ToPrimary) => this.#receive(place, message))
    process.once('listening', () => {
      this.#served = true
    })
    process.on('error', (error) => {
      // Others are of messages to one that has just died.
      if (process.process.pid !== undefined) return
      place.failure = error.message
      this.#died(place, process, { code: 1, signal: null })
    })
    process.once('exit', (code, signal) => {
      // Its last message may be on its way.
      const died = () => this.#died(place, process, { code, signal })
      if (process.isConnected()) process.once('disconnect', died)
      else died()
    })
  }

  #receive(place: Place, message: ToPrimary): void {
    if (message.type === 'cannot-start') {
      place.failure = message.text
    } else if (message.type === 'started') {
      place.joined = true
      this.#relay.started(place.number)
    } else {
      const others = this.#places.filter((other) => other !== place && other.joined)
      this.#relay.receive(
        place.number,
        message,
        others.map(({ number }) => number),
      )
    }
  }

  #died(place: Place, { process: { pid } }: Worker, { code, signal }: { code: number; signal: string | null }): void {
    place.process = undefined
    place.joined = false
    const died = { event: 'worker-died', worker: place.number, pid, ...(signal === null ? { code } : { signal }) }
    const why = place.failure === undefined ? {} : { why: place.failure }
    if (this.ending) {
      this.#endIfAlone()
    } else if (code === badConfiguration || !this.#served) {
      this.#options.log.error({ ...died }, 'a worker cannot start: the hub ends')
      this.#options.tellFailure(place.failure ?? `Worker ${place.number} ended with ${signal ?? `exit code ${code}`}`)
      this.#end(code || 1, 'SIGTERM')
    } else {
      const startsInMs = place.pause.died()
      // 0: it was told to end, by whoever knows its pid.
      const level = code === 0 ? 'info' : 'error'
      this.#options.log[level]({ ...died, ...why, startsInMs }, 'a worker has ended: another one takes its place')
      place.callOff = this.#options.clock.after(startsInMs, () => this.#start(place))
    }
  }

  #end(code: number, signal: string): void {
    this.#endCode = code
    for (const place of this.#places) {
      place.callOff()
      // One that does not listen yet has nothing in flight.
      if (place.joined) send(place, { type: 'end', signal })
      else place.process?.process.kill('SIGTERM')
    }
    this.#options.clock.after(longestPatience, () => {
      for (const { process } of this.#places) process?.process.kill('SIGKILL')
    })
    this.#endIfAlone()
  }

  #endIfAlone(): void {
    if (this.#places.every(({ process }) => process === undefined)) this.#options.ended(this.#endCode ?? 0)
  }
}

/** To one that is there. That it has just died is found out otherwise. */
function send(place: Place | undefined, message: ToWorker): void {
  if (place?.process?.isConnected() === true) place.process.send(message, () => undefined)
}
