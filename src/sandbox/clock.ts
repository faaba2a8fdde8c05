import { Refusal } from './refusal.js'

/** Ten years, in seconds. */
const furthest = 10 * 365 * 86_400

/** The sandbox's time: the wall clock and an offset that only grows. Every life, quota and minute is judged by it. */
export class SandboxClock {
  readonly #wall: () => number
  readonly #moved: () => void
  #offset: number

  constructor(options: { wall: () => number; offset: number; moved: () => void }) {
    this.#wall = options.wall
    this.#offset = options.offset
    this.#moved = options.moved
  }

  /** How far the sandbox is ahead of the wall clock, in seconds. Default 0. */
  get offset(): number {
    return this.#offset
  }

  /** In ms since the epoch. */
  now(): number {
    return this.#wall() + this.#offset * 1000
  }

  /**
   * Moves the sandbox's time forward by `seconds`: 0 up to ten years in one go, fractions allowed.
   * @throws Refusal for anything else, and time stays where it is.
   */
  advance(seconds: number): void {
    if (!(seconds >= 0 && seconds <= furthest)) {
      throw new Refusal(`"advance": must be a number of seconds from 0 to ${furthest}; time only goes forward`)
    }
    this.#offset += seconds
    this.#moved()
  }
}
