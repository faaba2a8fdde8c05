/** The first segments of WeChat's API paths. What begins with none of them is no matter of the gateway. */
const roots: ReadonlySet<string> = new Set([
  'bizwifi',
  'business',
  'card',
  'cgi-bin',
  'channels',
  'customservice',
  'cv',
  'datacube',
  'device',
  'merchant',
  'product',
  'publisher',
  'scan',
  'semantic',
  'shakearound',
  'shop',
  'sns',
  'tcb',
  'union',
  'wxa',
  'wxaapi',
  'wxopen',
])

/** Whether a request target, as it came over the wire, is for WeChat's API. */
export function isUnderRoot(target: string): boolean {
  const end = target.indexOf('/', 1)
  return end > 1 && target.startsWith('/') && roots.has(target.slice(1, end))
}
