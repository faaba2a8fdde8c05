import { dotPath, type Fault } from './fault.js'
import { type MatchConfig, match } from './match-schema.js'
import { get } from './raw.js'
import { observe, to } from './route-schema.js'

/** What no single field of a route shows. Works on the unchecked settings and passes over what is not as it should be. */
export function routeChecks(account: string, given: unknown): Fault[] {
  if (!Array.isArray(given)) return []
  const routes = given.map((raw: unknown, index) => readRoute(['accounts', account, 'routes', index], raw))
  return routes.flatMap((route, index) => [...lateObserver(route), ...inVain(route, routes.slice(0, index))])
}

/** A route as far as it can be understood. */
interface Route {
  readonly path: readonly PropertyKey[]
  readonly observe: boolean | undefined
  readonly to: string | undefined
  readonly late: unknown
  /** The same text for routes that take the same messages. */
  readonly match: string | undefined
}

function readRoute(path: readonly PropertyKey[], raw: unknown): Route {
  const fields = match.default({}).safeParse(get(raw, 'match')).data
  return {
    path,
    observe: observe.safeParse(get(raw, 'observe')).data,
    to: to.safeParse(get(raw, 'to')).data,
    late: get(raw, 'late'),
    match: fields === undefined ? undefined : canonical(fields),
  }
}

const everyMessage = canonical({})

function canonical(fields: MatchConfig): string {
  const sorted = Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify(
    sorted.map(([name, wanted]) => {
      if (typeof wanted === 'string') return [name, [wanted]]
      return [name, 'regex' in wanted ? wanted : [...new Set(wanted)].sort()]
    }),
  )
}

function lateObserver({ path, observe, late }: Route): Fault[] {
  if (observe !== true || late === undefined) return []
  const problem = 'means nothing to an observer: its answer is not used'
  return [{ field: dotPath([...path, 'late']), problem, remedy: 'remove it, or set observe to false' }]
}

function inVain(route: Route, earlier: readonly Route[]): Fault[] {
  if (route.match === undefined) return []
  if (route.observe === true) return copies(route, earlier)
  return route.observe === false ? hidden(route, earlier) : []
}

function copies(route: Route, earlier: readonly Route[]): Fault[] {
  const twin = earlier.find(
    ({ observe, to, match }) => observe === true && to !== undefined && to === route.to && match === route.match,
  )
  if (twin === undefined) return []
  const problem = `is ${dotPath(twin.path)} once more: the back end would get each message twice`
  return [{ field: dotPath(route.path), problem, remedy: 'remove one of the two' }]
}

function hidden(route: Route, earlier: readonly Route[]): Fault[] {
  const answering = earlier.filter(({ observe }) => observe === false)
  const hiding = answering.find(({ match }) => match === everyMessage || match === route.match)
  if (hiding === undefined) return []
  const takes = hiding.match === everyMessage ? 'takes every message' : 'takes the same messages'
  const problem = `is never reached: ${dotPath(hiding.path)} ${takes}`
  return [{ field: dotPath(route.path), problem, remedy: `move it up, or give ${dotPath(hiding.path)} another match` }]
}
