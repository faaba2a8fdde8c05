import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PageDomains } from '../../src/jssdk/page-domains.js'
import { pages, tricks } from './urls.js'

const domains = new PageDomains(['www.example.com', 'shop.example.org'])

describe('a page of the domains', () => {
  it.each(pages)('is %j', (url) => {
    expect(domains.holdPage(url)).toBe(true)
  })

  it('has more than a hundred imitations, none of them twice', () => {
    expect(new Set(tricks).size).toBe(tricks.length)
    expect(tricks.length).toBeGreaterThan(100)
  })

  it.each(tricks)('is not %j', (url) => {
    expect(domains.holdPage(url)).toBe(false)
  })

  it('is on no domain where there is none', () => {
    for (const url of [...pages, ...tricks]) expect(new PageDomains([]).holdPage(url)).toBe(false)
  })

  it('is one to the browsers’ parser too, whatever is mixed into its address', () => {
    const part = fc.constantFrom(
      ...[
        'https://',
        'http:',
        '//',
        '/',
        '\\',
        '@',
        ':',
        '443',
        '.',
        'www.example.com',
        'evil',
        'com',
        '?',
        '#',
        '%2e',
      ],
      ...['\t', '\n', ' ', '。', 'ｗ', '-', 'x', '[', ']', 'javascript:'],
    )
    let held = 0
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        for (const url of [parts.join(''), `https://${parts.join('')}`, `https://www.example.com${parts.join('')}`]) {
          if (!domains.holdPage(url)) continue
          held += 1
          const { hostname, port, username, password, protocol } = new URL(url)
          expect(['http:', 'https:']).toContain(protocol)
          expect([port, username, password]).toEqual(['', '', ''])
          expect(hostname).toMatch(/(?:^|\.)(?:www\.example\.com|shop\.example\.org)$/)
        }
      }),
      { numRuns: 20_000 },
    )
    expect(held).toBeGreaterThan(1000)
  })
})

describe('an origin of the domains', () => {
  it.each([
    ['https://www.example.com', true],
    ['http://www.example.com', true],
    ['https://m.www.example.com', true],
    ['https://shop.example.org', true],
    ['https://www.example.com/', false],
    ['https://www.example.com?', false],
    ['https://www.example.com#', false],
    ['https://www.example.com:443', false],
    ['https://www.example.com:8443', false],
    ['https://www.example.com:', false],
    ['https://www.example.com.', false],
    ['https://example.com', false],
    ['https://www.example.com.evil.com', false],
    ['https://evil-www.example.com', false],
    ['https://www.example.com https://evil.com', false],
    ['https://www.example.com, https://evil.com', false],
    ['https://user@www.example.com', false],
    ['ftp://www.example.com', false],
    ['www.example.com', false],
    ['null', false],
    ['*', false],
    ['', false],
  ])('%j: %s', (origin, held) => {
    expect(domains.holdOrigin(origin)).toBe(held)
  })
})

describe('a domain at any port', () => {
  const local = new PageDomains(['localhost:*', 'www.example.com'])

  it.each([
    ['http://localhost/', true],
    ['http://localhost:3001/page?x#y', true],
    ['https://localhost:5173', true],
    ['http://a.localhost:1/', true],
    ['http://localhost:/', false],
    ['http://localhost:123456/', false],
    ['http://localhost:80@evil.com/', false],
    ['http://localhost:80.evil.com/', false],
    ['http://notlocalhost:3001/', false],
    ['http://www.example.com:3001/', false],
    ['http://www.example.com/', true],
  ])('%j: %s', (url, held) => {
    expect(local.holdPage(url)).toBe(held)
  })

  it('is one for origins too', () => {
    expect(local.holdOrigin('http://localhost:3001')).toBe(true)
    expect(local.holdOrigin('http://www.example.com:3001')).toBe(false)
  })
})
