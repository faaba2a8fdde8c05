/** A push that a process is at work on. */
export interface AtWork {
  readonly by: string
  /** How many deliveries of it have come, to all processes. */
  readonly deliveries: number
  /** Whether WeChat has been answered without the reply, which therefore has to go another way. */
  readonly overdue?: true
  /** The key of the job that would ask the back end again. */
  readonly ask?: string
}

/** A push that was handled. */
export interface Finished {
  /** What a retry is given: the XML of a passive reply, empty for `success`. */
  readonly reply: string
  /** No delivery has been given the reply yet: the key of the job that sends it if no retry comes for it. */
  readonly kept?: string
  /** The id of that job, once it has begun to send the reply. */
  readonly left?: string
}

/** What the store knows of a push. */
export type Claim = AtWork | Finished
