/** What one round has shown. */
export interface Pair<T> {
  readonly measured: T
  readonly compared: T
}

export interface Rounds<T> {
  readonly rounds: number
  /** How many rounds before them count for nothing. */
  readonly warmUps: number
  /** Comes before each round. */
  readonly prepare?: () => Promise<unknown>
  readonly measure: () => Promise<T>
  readonly compare: () => Promise<T>
}

/** Measures two things in turns, each of them first in every other round. */
export async function inTurns<T>({ rounds, warmUps, prepare, measure, compare }: Rounds<T>): Promise<Pair<T>[]> {
  const pairs: Pair<T>[] = []
  for (let round = 0; round < warmUps + rounds; round++) {
    await prepare?.()
    const early = round % 2 === 0 ? await compare() : undefined
    const measured = await measure()
    const pair = { measured, compared: early ?? (await compare()) }
    if (round >= warmUps) pairs.push(pair)
  }
  return pairs
}
