import { isIPv4, isIPv6 } from 'node:net'

/**
 * Under which name an address is counted: IPv4 as it is, also where it comes as IPv6 (`::ffff:192.0.2.1`); IPv6 by its
 * first 64 bits, of which one subscriber has all the rest; anything else, which no proxy should send, as one.
 */
export function addressGroup(address: string): string {
  if (isIPv4(address)) return address
  // As Node writes an IPv4 caller where it listens on `::`: most are such.
  if (address.startsWith('::ffff:') && isIPv4(address.slice(7))) return address.slice(7)
  const [plain = ''] = address.split('%')
  if (!isIPv6(plain)) return 'other'
  const groups = groupsOf(plain)
  const [a = 0, b = 0] = groups.slice(6)
  if (isMapped(groups)) return [a >> 8, a & 255, b >> 8, b & 255].join('.')
  const network = groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}

/** ::ffff:0:0/96, RFC 4291 2.5.5.2 */
function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
}

/** The eight groups of a valid IPv6 address. `URL` writes an IPv4 ending as two groups. */
function groupsOf(address: string): number[] {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const before = numbersOf(head)
  const after = numbersOf(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function numbersOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
}
