import type { Control } from './control.js'

const path = '/sandbox/requests'

export const listRequests: Control = {
  method: 'GET',
  path,
  about: '[?path=prefix] {count, counts, requests, maxInFlight}: what the API was asked',
  run: ({ query }, { requests }) => requests.list(query('path')),
}

export const clearRequests: Control = {
  method: 'DELETE',
  path,
  about: 'forgets what the API was asked',
  run(_request, { requests }) {
    requests.clear()
    return requests.list()
  },
}
