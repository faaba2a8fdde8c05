import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** The addresses that pushes come from [CBIP]. */
export const getcallbackip = ipList('/cgi-bin/getcallbackip')

/** The addresses of the API host [APIIP]. */
export const getApiDomainIp = ipList('/cgi-bin/get_api_domain_ip')

/** The sandbox is on this machine, whichever way one looks. */
function ipList(path: string): Endpoint {
  return {
    method: 'GET',
    path,
    answer(call, world) {
      bearer(call, world)
      return { ip_list: ['127.0.0.1'] }
    },
  }
}
