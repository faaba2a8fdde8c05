import type { Registry } from 'prom-client'

/** The metrics of one worker, as prom-client gives them, and those it counted in its place before it. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** What a worker tells the primary process. */
export type ToPrimary =
  /** It listens to messages, and waits for what it inherits. */
  | { readonly type: 'started' }
  /** It ends with this exit code. `text` is for the one who started the hub. */
  | { readonly type: 'cannot-start'; readonly text: string; readonly code: number }
  /** It wants those of the others, and shows its own. */
  | { readonly type: 'figures-wanted'; readonly question: number; readonly figures: Figures }
  /** It answers the question of another one. */
  | { readonly type: 'figures'; readonly question: number; readonly by: number; readonly figures: Figures }

/** What the primary process tells a worker. */
export type ToWorker =
  /** It shall finish what is in flight, and end. */
  | { readonly type: 'end'; readonly signal: string }
  /** What those before it in its place had counted: the answer to `started`. */
  | { readonly type: 'inherited'; readonly figures: Figures }
  /** A worker wants its figures. */
  | { readonly type: 'figures-asked'; readonly question: number; readonly by: number }
  /** To its own question: what a worker showed last, which may be dead. */
  | RepliedFigures<'figures-remembered'>
  /** To its own question: what a worker has just answered. */
  | RepliedFigures<'figures-answered'>

interface RepliedFigures<Type extends string> {
  readonly type: Type
  readonly question: number
  readonly worker: number
  readonly figures: Figures
}
