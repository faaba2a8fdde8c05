/** Whether the page's host is one of the domains or below one, at the standard port unless the domain says `:*`. */
export function isOnDomains(page: string, domains: readonly string[]): boolean {
  if (!URL.canParse(page)) return false
  const { protocol, hostname, port } = new URL(page)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  return domains.some((domain) => {
    const [name = '', ports] = domain.split(':')
    return (port === '' || ports === '*') && (hostname === name || hostname.endsWith(`.${name}`))
  })
}
