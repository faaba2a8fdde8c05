import { type Fault, faultKinds, faultSchema } from '../faults.js'
import { checked } from '../refusal.js'
import type { World } from '../world.js'
import type { Control } from './control.js'

const path = '/sandbox/faults'

export const addFault: Control = {
  method: 'POST',
  path,
  about: `{"kind", "path"?: prefix, "times"?, "ms"?, "errcode"?, "errmsg"?, "status"?}; kinds: ${faultKinds.join(', ')}`,
  run({ body }, world) {
    world.faults.add(checked(faultSchema, body))
    return listed(world)
  },
}

export const listFaults: Control = {
  method: 'GET',
  path,
  about: 'the faults that are set',
  run: (_request, world) => listed(world),
}

export const removeFaults: Control = {
  method: 'DELETE',
  path,
  about: 'removes all faults',
  run(_request, world) {
    world.faults.clear()
    return listed(world)
  },
}

function listed({ faults }: World): { faults: readonly Fault[] } {
  return { faults: faults.list() }
}
