import { slotOf } from '../stores/redis/slot.js'

/** Sends a command to the node that holds the hash slot of `{node}`; of one Redis it does not matter which that is. */
export type SendToNode = (node: string, args: readonly string[]) => Promise<unknown>

interface Slots {
  readonly from: number
  readonly to: number
  readonly owner: string
}

/** All keys of a Redis, or of each master of a cluster, that match a pattern. One may come twice. */
export async function* keysLike(pattern: string, isCluster: boolean, send: SendToNode): AsyncGenerator<string> {
  for (const node of isCluster ? await nodesOf(send) : ['any']) {
    let cursor = '0'
    do {
      const answer = await send(node, ['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000'])
      const [next, keys] = Array.isArray(answer) ? answer : []
      for (const key of Array.isArray(keys) ? keys : []) yield String(key)
      cursor = String(next ?? '0')
    } while (cursor !== '0')
  }
}

/** A text as it stands in a pattern, where it means itself. */
export function literally(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, '\\$&')
}

/** For each master a name whose hash slot it holds. */
async function nodesOf(send: SendToNode): Promise<string[]> {
  const slots = slotsIn(await send('any', ['CLUSTER', 'SLOTS']))
  const owners = new Set(slots.map(({ owner }) => owner))
  const nodes = new Map<string, string>()
  for (let count = 0; nodes.size < owners.size; count += 1) {
    const name = `node${count}`
    const slot = slotOf(name)
    const owner = slots.find(({ from, to }) => from <= slot && slot <= to)?.owner
    if (owner !== undefined && !nodes.has(owner)) nodes.set(owner, name)
  }
  return [...nodes.values()]
}

function slotsIn(answer: unknown): Slots[] {
  const ranges: unknown[] = Array.isArray(answer) ? answer : []
  return ranges.map((range) => {
    const [from, to, master] = Array.isArray(range) ? range : []
    const [host, port] = Array.isArray(master) ? master : []
    return { from: Number(from), to: Number(to), owner: `${host}:${port}` }
  })
}
