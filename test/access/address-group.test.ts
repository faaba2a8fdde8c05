import { describe, expect, it } from 'vitest'
import { addressGroup } from '../../src/access/address-group.js'

describe('the group of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['127.0.0.1', '127.0.0.1'],
  ])('is the address itself for IPv4, however it comes: %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  it.each([
    '2001:db8:0:7::1',
    '2001:DB8:0:7:ffff:ffff:ffff:ffff',
    '2001:0db8:0000:0007:0:0:0:1',
    '2001:db8::7:1:2:3:4',
    '2001:db8:0:7:1:2:192.0.2.1',
  ])('is the first 64 bits for IPv6, however it is written: %s', (address) => {
    expect(addressGroup(address)).toBe('2001:db8:0:7::/64')
  })

  it.each([
    ['2001:db8:0:8::1', '2001:db8:0:8::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
    ['1::', '1:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ])('keeps the others apart: %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  it.each(['', 'unknown', '192.0.2.1:4711', '[2001:db8::1]', '_hidden', '999.1.1.1', ':::', 'x'.repeat(10_000)])(
    'is one for all that is no address: %s',
    (address) => {
      expect(addressGroup(address)).toBe('other')
    },
  )
})
